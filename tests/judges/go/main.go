// Service providers in Go, as judges of SAML responses: crewjam and gosaml2, each as its own documentation uses it.
//
//	judge crewjam|gosaml2 < question.json
//
// The question and the verdicts are those of tests/judges/service_providers.py.
package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/crewjam/saml"
	saml2 "github.com/russellhaering/gosaml2"
	"github.com/russellhaering/gosaml2/types"
	dsig "github.com/russellhaering/goxmldsig"
)

type question struct {
	EntityID string          `json:"entity_id"`
	ACS      string          `json:"acs"`
	Metadata string          `json:"metadata"`
	Cases    map[string]each `json:"cases"`
}

type each struct {
	Response  string `json:"response"`
	RequestID string `json:"request_id"`
}

type verdict struct {
	NameID  string `json:"name_id,omitempty"`
	Refused string `json:"refused,omitempty"`
}

type judge func(question, each) (string, error)

func main() {
	judges := map[string]judge{"crewjam": crewjam, "gosaml2": gosaml2}
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	verdicts := map[string]verdict{}
	for name, one := range asked.Cases {
		found, err := judges[os.Args[1]](asked, one)
		if err != nil {
			verdicts[name] = verdict{Refused: err.Error()}
		} else {
			verdicts[name] = verdict{NameID: found}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func crewjam(asked question, one each) (string, error) {
	acs, err := url.Parse(asked.ACS)
	if err != nil {
		return "", err
	}
	var idp saml.EntityDescriptor
	if err := xml.Unmarshal([]byte(asked.Metadata), &idp); err != nil {
		return "", err
	}
	provider := saml.ServiceProvider{EntityID: asked.EntityID, AcsURL: *acs, IDPMetadata: &idp}
	form := url.Values{"SAMLResponse": {one.Response}}
	request, err := http.NewRequest(http.MethodPost, asked.ACS, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := request.ParseForm(); err != nil {
		return "", err
	}
	assertion, err := provider.ParseResponse(request, []string{one.RequestID})
	if refused, ok := err.(*saml.InvalidResponseError); ok {
		return "", refused.PrivateErr
	}
	if err != nil {
		return "", err
	}
	return assertion.Subject.NameID.Value, nil
}

func gosaml2(asked question, one each) (string, error) {
	var idp types.EntityDescriptor
	if err := xml.Unmarshal([]byte(asked.Metadata), &idp); err != nil {
		return "", err
	}
	store := dsig.MemoryX509CertificateStore{}
	for _, key := range idp.IDPSSODescriptor.KeyDescriptors {
		for _, data := range key.KeyInfo.X509Data.X509Certificates {
			der, err := base64.StdEncoding.DecodeString(data.Data)
			if err != nil {
				return "", err
			}
			certificate, err := x509.ParseCertificate(der)
			if err != nil {
				return "", err
			}
			store.Roots = append(store.Roots, certificate)
		}
	}
	provider := &saml2.SAMLServiceProvider{
		IdentityProviderSSOURL:      idp.IDPSSODescriptor.SingleSignOnServices[0].Location,
		IdentityProviderIssuer:      idp.EntityID,
		ServiceProviderIssuer:       asked.EntityID,
		AssertionConsumerServiceURL: asked.ACS,
		AudienceURI:                 asked.EntityID,
		IDPCertificateStore:         &store,
	}
	info, err := provider.RetrieveAssertionInfo(one.Response)
	if err != nil {
		return "", err
	}
	// Its documentation has the caller look at these two.
	if info.WarningInfo.InvalidTime {
		return "", fmt.Errorf("invalid time")
	}
	if info.WarningInfo.NotInAudience {
		return "", fmt.Errorf("not in the audience")
	}
	return info.NameID, nil
}
