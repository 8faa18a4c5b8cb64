// What cannot wait for the page's program: the theme before the first paint, and the question who we are.
(() => {
  var theme = null;
  try {
    theme = localStorage.getItem("threadline:theme");
  } catch (_) {}
  var dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("dark", dark);
  window.threadlineMe = fetch("/api/me", { headers: { accept: "application/json" } });
  // Who awaits it hears of a failure; until then there is nobody to hear.
  window.threadlineMe.catch(() => {});
})();
