// The desk's buttons: copy a token, print the page. Without scripts the text can be selected and printed all the same.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.getAttribute("data-copy") ?? "");
    await navigator.clipboard.writeText(source?.textContent ?? "");
    button.textContent = "Copied";
  });
}
document.querySelector("[data-print]")?.addEventListener("click", () => window.print());
