// What mdBook's page lacks for a keyboard and a screen reader.
addEventListener("load", () => {
  document.querySelectorAll("pre > code").forEach((code) => {
    code.tabIndex = 0; // a long line can be scrolled to
    code.setAttribute("role", "region");
    code.setAttribute("aria-label", `Example ${code.textContent.split("\n")[0]}`);
  });
  // a label has no state of its own: its check box tells it
  const toggle = document.getElementById("mdbook-sidebar-toggle");
  ["aria-label", "aria-controls", "aria-expanded"].forEach((name) => toggle?.removeAttribute(name));
  document.getElementById("mdbook-menu-bar")?.setAttribute("role", "banner");
});
