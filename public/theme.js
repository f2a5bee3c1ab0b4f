// Runs before the first paint: marks that there is a script, and applies the theme chosen here.
// Without a choice, or where nothing may be stored, the system decides.
document.documentElement.dataset.js = "";
try {
  const theme = localStorage.getItem("throughline-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked.
}
