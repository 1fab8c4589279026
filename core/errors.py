"""What goes wrong because of something the user can change."""


class UserError(Exception):
    """One line that says what was received, what was expected and what to do; tools print it and exit with 2.

    Everything else that is raised is a defect of ours and keeps its traceback.
    """
