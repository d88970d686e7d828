"""Owns the process: `python3 -m quest_api`."""
import uvicorn

from .app import create_app
from .settings import read_settings

settings = read_settings()
print(f"Quest API on http://localhost:{settings.port}, for access tokens of {settings.issuer}", flush=True)
uvicorn.run(create_app(settings), host="127.0.0.1", port=settings.port, log_level="warning")
