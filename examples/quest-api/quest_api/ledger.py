"""Owns loyalty points: who earned how many for what. SQLite says that a check-in counts once."""
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .check_in_tokens import CheckIn
from .refusals import Refusal

SCHEMA = """
CREATE TABLE IF NOT EXISTS check_ins (
  id TEXT PRIMARY KEY,
  sub TEXT NOT NULL,
  quest TEXT NOT NULL,
  points INTEGER NOT NULL,
  checked_by TEXT NOT NULL,
  UNIQUE (sub, quest)
)
"""


class Ledger:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "points.sqlite3"
        with self._open() as db:
            db.execute(SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=2)) as db, db:
            yield db

    def redeem(self, check_in: CheckIn, points: int, checked_by: str) -> None:
        """One insert decides: of two organizers who scan the same code, one is told that it is spent."""
        row = (check_in.id, check_in.sub, check_in.quest, points, checked_by)
        try:
            with self._open() as db:
                db.execute("INSERT INTO check_ins VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise Refusal(409, "check_in_spent", "This has been counted already.") from None

    def quests_of(self, sub: str) -> dict[str, int]:
        """The points of each quest that is done."""
        with self._open() as db:
            return dict(db.execute("SELECT quest, points FROM check_ins WHERE sub = ?", (sub,)))
