// Follows the look of the system where nobody chose another; runs before anything is drawn.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    if (root.dataset.theme === "auto") {
      root.classList.toggle("pf-v6-theme-dark", system.matches);
    }
  };
  root.classList.add("has-script");
  system.addEventListener("change", follow);
  follow();
})();
