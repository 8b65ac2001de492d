"""Who the staff are and what each has decided: approvals, roles, second factor, sessions."""
