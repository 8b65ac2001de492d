"""Who may ask for what: permissions and roles, a second pair of eyes, and what the audit trail keeps."""
