"""The rules, a module a family. `families` in `gristmill.recipe.steps` lists them; `pages/` has the page of each."""
