// Service providers in JavaScript, as judges of SAML responses, each as its own documentation uses it.
//
//   node judge.js node-saml|samlify < question.json
//
// The question and the verdicts are those of tests/judges/service_providers.py.
"use strict";

const { readFileSync } = require("node:fs");

const judges = { "node-saml": nodeSaml, samlify };

async function main() {
  const asked = JSON.parse(readFileSync(0, "utf8"));
  const verdicts = {};
  for (const [name, one] of Object.entries(asked.cases)) {
    try {
      verdicts[name] = { name_id: await judges[process.argv[2]](asked, one) };
    } catch (error) {
      verdicts[name] = { refused: String((error && error.message) || error) };
    }
  }
  process.stdout.write(JSON.stringify(verdicts));
}

async function nodeSaml(asked, one) {
  const { SAML, ValidateInResponseTo } = require("@node-saml/node-saml");
  const { DOMParser } = require("@xmldom/xmldom");
  const metadata = new DOMParser().parseFromString(asked.metadata, "text/xml");
  const requests = new Map([[one.request_id, new Date().toISOString()]]);
  const provider = new SAML({
    callbackUrl: asked.acs,
    issuer: asked.entity_id,
    audience: asked.entity_id,
    idpIssuer: metadata.documentElement.getAttribute("entityID"),
    idpCert: certificates(metadata),
    entryPoint: "https://login.microsoftonline.com/",
    wantAssertionsSigned: true,
    wantAuthnResponseSigned: false,
    validateInResponseTo: ValidateInResponseTo.always,
    cacheProvider: {
      saveAsync: async () => null,
      getAsync: async (key) => requests.get(key) || null,
      removeAsync: async (key) => (requests.delete(key) ? key : null),
    },
  });
  const { profile } = await provider.validatePostResponseAsync({ SAMLResponse: one.response });
  return profile.nameID;
}

function certificates(metadata) {
  const provider = metadata.getElementsByTagNameNS("urn:oasis:names:tc:SAML:2.0:metadata", "IDPSSODescriptor")[0];
  const found = provider.getElementsByTagNameNS("http://www.w3.org/2000/09/xmldsig#", "X509Certificate");
  return Array.from({ length: found.length }, (_, index) => found[index].textContent);
}

async function samlify(asked, one) {
  const library = require("samlify");
  library.setSchemaValidator(require("@authenio/samlify-node-xmllint"));
  const identityProvider = library.IdentityProvider({ metadata: asked.metadata });
  const provider = library.ServiceProvider({
    entityID: asked.entity_id,
    wantAssertionsSigned: true,
    assertionConsumerService: [
      { Binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", Location: asked.acs, isDefault: true },
    ],
  });
  const body = { SAMLResponse: one.response };
  const { extract } = await provider.parseLoginResponse(identityProvider, "post", { body });
  return extract.nameID;
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
