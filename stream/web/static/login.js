// Logs in without leaving the address, which holds what is to be shown.
const form = document.getElementById("login");
const problem = document.getElementById("problem");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  try {
    const response = await fetch("/login", { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (response.ok) {
      location.reload();
      return;
    }
    problem.textContent = (await response.json()).detail;
  } catch {
    problem.textContent = "The worker does not answer; try again in a moment.";
  }
  form.elements.token.select();
});
