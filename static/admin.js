// Adds a button for copying to what is marked for it. Without this, people select and copy by hand.
for (const source of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small plain copy";
  button.textContent = "Copy";
  const name = document.getElementById(source.getAttribute("aria-labelledby"))?.textContent ?? source.labels?.[0]?.textContent ?? "";
  const about = document.createElement("span");
  about.className = "hidden";
  about.textContent = ` ${name.trim()}`;
  button.append(about);
  const said = document.createElement("span");
  said.className = "hidden";
  said.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      said.textContent = "Copied";
      button.firstChild.textContent = "Copied";
      setTimeout(() => {
        button.firstChild.textContent = "Copy";
        said.textContent = "";
      }, 2000);
    } catch {
      const selection = getSelection();
      selection.removeAllRanges();
      source.select ? source.select() : selection.selectAllChildren(source);
    }
  });
  source.after(button, said);
}
