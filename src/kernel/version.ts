// Owns the version of Foyer, as the banner and the document of its API tell it; package.json says the same.

export const version = '0.1.0'
