"""Pictures of results: contact sheets, animations, figures."""
