"""What workers hand in."""

from datetime import datetime

from strawberry import ID

import resolvers.document as resolve
from loaders import document as load
from models import worker as model
from runtime.privacy import Privacy
from runtime.rights import Act, Area
from schema.base import Node, adds_to, command, entity, enum, field, mutation, outcome
from schema.worker import Worker

enum(
    model.DocumentKind,
    "What a document is.",
    PHOTO="A photo of the person.",
    IDENTITY="Proof of who they are; the Aadhaar number on it must be covered.",
    ADDRESS="Proof of where they live.",
    CERTIFICATE="A certificate of skill.",
    POLICE="A certificate of the police.",
    AFFIDAVIT="An affidavit.",
    LICENCE="A licence the trade asks for.",
)
enum(
    model.MediaType,
    "The kinds of file that are taken.",
    JPEG="A photo.",
    PNG="A picture or scan.",
    PDF="A document.",
)


@entity(model.Document, by_id=load.document_by_id)
class Document(Node):
    """A paper that a worker handed in: for themselves and for officers with a reason."""

    id: ID = field("Opaque and stable.", shows=Privacy.PUBLIC)
    kind: model.DocumentKind | None = field("What it is.")
    media_type: str | None = field("What kind of file it is, such as `image/jpeg`.")
    bytes: int | None = field("How large it is.")
    submitted_at: datetime | None = field("When it was handed in.")
    sha256: str | None = field("The SHA-256 of its content, in hex.")
    url: str | None = field(
        "Where to read it, for some minutes. Whoever has the address can.",
        "id sha256",
        resolve=resolve.url,
    )


@adds_to(Worker)
class WorkerDocuments:
    """What a worker handed in."""

    documents: list[Document] | None = field(
        "What they handed in, the latest first.",
        "id",
        load=load.documents_by_worker,
        size=30,
        shows=Privacy.OWNER,
        area=Area.DOCUMENTS,
    )


@outcome(resolve.UploadTicket)
class UploadTicket:
    """Send the file itself with `PUT`, as it is; the answer is JSON with the document's `id`."""

    url: str = field("Where to: once, and for some minutes.")
    expires_at: datetime = field("Until when.")


@mutation
class Mutation:
    request_document_upload = command(
        "Ask where to send a file. What it is said to be is compared with what comes.",
        resolve.request_document_upload,
        may=Act.EDIT_WORKER,
        gives=UploadTicket,
        refuses=(model.DocumentTooLarge, model.TooManyDocuments),
    )
