"""An API of quests and loyalty points that trusts Foyer's access tokens."""
