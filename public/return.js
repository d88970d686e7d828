// Sends the one form of the page at once; without scripts its button does. No module: the browsers of test benches
// (HtmlUnit) run scripts and no modules, as old ones do.
document.forms[0].submit()
