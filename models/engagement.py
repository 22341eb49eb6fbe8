"""What engaging a worker may be refused."""

from runtime.refusal import Refusal


class WorkerNotActive(Refusal):
    """The worker takes no work at present. Choose another."""

    english = "This worker takes no work at present. Choose another."
    hindi = "यह सेवा मित्र अभी काम नहीं ले रहे हैं। किसी और को चुनें।"


class EngagementOver(Refusal):
    """The engagement has ended already."""

    english = "This engagement has ended already."
    hindi = "यह नियोजन पहले ही समाप्त हो चुका है।"
