"""Someone of each role to become, chosen for what there is to see; what people agreed to, and
where they live."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from data.demo.bookings import PUBLIC_WORKS
from models.account import ConsentPurpose, DemoAccount
from models.partner import PartnerClient
from runtime.rights import Role

LUCKNOW = "dt_162"
SKILL_MISSION = "pc_skill-mission"
NOTICE = "2026.1"
PEOPLE_WITH_CONSENTS = 100_000
"""The first so many workers: enough to ask about, however many there are."""

ROLES = {
    "citizen": Role.CITIZEN,
    "worker": Role.WORKER,
    "provider": Role.PROVIDER,
    "helpline": Role.HELPLINE,
    "officer": Role.DISTRICT_OFFICER,
    "state": Role.STATE_OFFICER,
    "department": Role.DEPARTMENT,
    "partner": Role.PARTNER,
    "moderator": Role.MODERATOR,
    "auditor": Role.AUDITOR,
}
"""Of each account, by its name."""

# Most agreed, some withdrew later, some never said anything. Hashes, not random numbers:
# everything that draws those stays as it is.
CONSENTS = """
INSERT INTO consent_record (id, subject_id, purpose, notice_version, language, channel,
                            given_at, withdrawn_at)
SELECT 'cs_' || left(md5(w.id || purpose), 26), w.id, purpose, :notice, 'hi',
       CASE WHEN said < 50 THEN 'APP' ELSE 'BLOCK_OFFICE' END,
       w.registered_at + interval '2 days',
       CASE WHEN said >= 65 THEN CAST(:as_of AS timestamptz) - interval '20 days' END
  FROM (SELECT id, registered_at FROM worker
         WHERE status = 'ACTIVE' ORDER BY code LIMIT :people) w
 CROSS JOIN unnest(CAST(:purposes AS text[])) purpose
 CROSS JOIN LATERAL (SELECT abs(hashtext(w.id || purpose)::bigint) % 100 AS said) h
 WHERE said < 80
"""

# Where they last had work done.
ADDRESSES = """
INSERT INTO address (id, citizen_id, label, line, district_id, latitude, longitude)
SELECT DISTINCT ON (citizen_id) 'ad_' || left(md5(citizen_id), 26), citizen_id, 'Home', address,
       district_id, latitude, longitude
  FROM booking WHERE citizen_id IS NOT NULL
 ORDER BY citizen_id, requested_at DESC
"""

# With a provider, work ahead and reviews; if there are several, of Lucknow, with the most.
A_WORKER = """
SELECT w.id, w.provider_id
  FROM worker w LEFT JOIN rating_summary r ON r.subject_id = w.id
 WHERE w.status = 'ACTIVE'
 ORDER BY w.provider_id IS NULL,
          NOT EXISTS (SELECT FROM booking b
                       WHERE b.worker_id = w.id AND b.state IN ('ASSIGNED', 'ACCEPTED')),
          r.count IS NULL, w.district_id <> :district, r.count DESC, w.id
 LIMIT 1
"""

# With work ahead and work done, and as many different ends as there are.
A_CITIZEN = """
SELECT citizen_id FROM booking WHERE citizen_id IS NOT NULL GROUP BY citizen_id
 ORDER BY bool_or(state IN ('ASSIGNED', 'ACCEPTED')) DESC, bool_or(state = 'COMPLETED') DESC,
          count(DISTINCT state) DESC, count(*) DESC, citizen_id
 LIMIT 1
"""


async def fill(connection: AsyncConnection, as_of: datetime) -> None:
    # Nobody can get a token for it: it has neither a secret nor keys.
    partner = {
        "id": SKILL_MISSION,
        "name": "Uttar Pradesh Skill Development Mission",
        "purposes": [ConsentPurpose.JOB_MATCHING, ConsentPurpose.SKILL_RECORDS],
        "district_ids": [LUCKNOW],
    }
    asked = [*partner["purposes"], ConsentPurpose.SOCIAL_SECURITY]
    await connection.execute(
        text(CONSENTS),
        {"as_of": as_of, "notice": NOTICE, "people": PEOPLE_WITH_CONSENTS, "purposes": asked},
    )
    await connection.execute(text(ADDRESSES))
    await connection.execute(insert(PartnerClient).values(partner))
    worker = (await connection.execute(text(A_WORKER), {"district": LUCKNOW})).one()
    citizen = (await connection.execute(text(A_CITIZEN))).scalar_one()
    accounts = [
        an_account("citizen", citizen),
        an_account("worker", worker.id),
        an_account("provider", worker.provider_id, provider_id=worker.provider_id),
        an_account("helpline"),
        an_account("officer", district_ids=[LUCKNOW]),
        an_account("state"),
        an_account("department", department_id=PUBLIC_WORKS),
        an_account(
            "partner",
            SKILL_MISSION,
            purposes=partner["purposes"],
            district_ids=partner["district_ids"],
        ),
        an_account("moderator"),
        an_account("auditor"),
    ]
    # Of a handful of workers none may have a provider.
    made = [account for account in accounts if account["person_id"] is not None]
    await connection.execute(insert(DemoAccount).values(made))


def an_account(name: str, person_id: str | None = "", **more: Any) -> dict[str, Any]:
    """Officials are nobody in our tables: their ids, like those of real ones, hold a colon."""
    return {
        "name": name,
        "role": ROLES[name],
        "person_id": f"demo:{name}" if person_id == "" else person_id,
        "district_ids": [],
        "provider_id": None,
        "department_id": None,
        "purposes": [],
        **more,
    }
