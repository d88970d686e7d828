"""Owns what the environment says; nothing else reads it."""
import os
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Settings:
    issuer: str
    audience: str
    port: int
    data: Path
    # Origins of browser apps that may call this API
    origins: list[str]


def read_settings() -> Settings:
    env = os.environ
    return Settings(
        issuer=env.get("FOYER_ISSUER", "http://localhost:3000"),
        audience=env.get("QUEST_AUDIENCE", "urn:demo:quests"),
        port=int(env.get("PORT", "3102")),
        data=Path(env.get("EXAMPLE_DATA_DIR", EXAMPLES / "data" / "quest-api")),
        origins=env.get("QUEST_ORIGINS", "http://localhost:3104").split(),
    )
