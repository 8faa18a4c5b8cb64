// Sets the theme before the first paint; a file of its own, so that no inline script is needed.
(() => {
  var theme = null;
  try {
    theme = localStorage.getItem("threadline:theme");
  } catch (_) {}
  var dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("dark", dark);
})();
