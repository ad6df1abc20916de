// Sets the chosen theme before anything is painted; a file of its own, because the page allows no inline script.
try {
  const chosen = localStorage.getItem('midwatch.theme');
  if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; then the system's choice stands.
}
