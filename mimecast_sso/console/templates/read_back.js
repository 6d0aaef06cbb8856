// Copies labels and values of the form on this page. Runs in the administrator's own session and sends nothing.
(() => {
  const tidy = text => text.replace(/[\s:*]+/g, " ").trim();
  const wanted = new Map(LABELS.map(label => [tidy(label).toLowerCase(), label]));
  const controls = [...document.querySelectorAll("input, select, textarea")]
    .filter(each => !["hidden", "submit", "button", "password", "search"].includes(each.type));
  const valueOf = control => control.type === "checkbox" ? control.checked
    : control.tagName === "SELECT" ? tidy(control.selectedOptions[0] ? control.selectedOptions[0].text : "")
    : control.value;
  const controlOf = label => {
    if (label.control) return label.control;
    for (let box = label; box && box !== document.body; box = box.parentElement) {
      const inside = controls.filter(each => box.contains(each));
      if (inside.length) {
        const after = each => label.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING;
        return inside.find(after) || inside[inside.length - 1];
      }
    }
    return null;
  };
  const values = {};
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const label = wanted.get(tidy(texts.currentNode.data).toLowerCase());
    const box = texts.currentNode.parentElement;
    const control = label && !(label in values) && !box.closest("option, nav, script, style") && controlOf(box.closest("label") || box);
    if (control) values[label] = valueOf(control);
  }
  const key = "mimecast-sso read-back";
  const kept = JSON.parse(sessionStorage.getItem(key) || '{"forms": []}');
  kept.format = FORMAT;
  kept.readAt = new Date().toISOString();
  kept.forms = kept.forms.filter(each => each.url !== location.href);
  if (Object.keys(values).length) kept.forms.push({url: location.href, title: document.title, values});
  sessionStorage.setItem(key, JSON.stringify(kept));
  const seen = new Set(kept.forms.flatMap(each => Object.keys(each.values)));
  const text = JSON.stringify(kept, null, 1);
  const old = document.getElementById("mimecast-sso-read-back");
  if (old) old.remove();
  const panel = document.createElement("div");
  panel.id = "mimecast-sso-read-back";
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", "Read back");
  panel.style.cssText = "position:fixed;right:8px;bottom:8px;z-index:2147483647;max-width:340px;padding:14px;border:2px solid #0b5cad;border-radius:8px;background:#fff;color:#111;font:14px system-ui";
  const line = document.createElement("p");
  line.style.margin = "0 0 8px";
  line.textContent = Object.keys(values).length
    ? `Read ${Object.keys(values).length} fields here, ${seen.size} in all. Open the other form and click the bookmark again; when both are read, save.`
    : "This page shows none of the fields. Open the saved form, then click the bookmark again.";
  const save = document.createElement("a");
  save.textContent = "Save read-back.json";
  save.download = "read-back.json";
  save.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  save.style.marginRight = "12px";
  const drop = document.createElement("a");
  drop.textContent = "Forget";
  drop.href = "#";
  drop.onclick = () => { sessionStorage.removeItem(key); panel.remove(); return false; };
  panel.append(line, save, drop);
  document.body.append(panel);
})();
