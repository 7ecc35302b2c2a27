"""A connection to Cabinet: where its services are, who we are, and what an error says. Made to be copied."""

import os

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cabinet.case_monitoring.v1 import case_service_pb2_grpc
from cabinet.identity.v1 import credential_service_pb2 as credentials
from cabinet.identity.v1 import credential_service_pb2_grpc, user_service_pb2_grpc
from cabinet.notification.v1 import preference_service_pb2_grpc

# Seconds. A call without a deadline waits for as long as Cabinet lets it.
DEADLINE = float(os.environ.get("CABINET_DEADLINE", "5"))


class Connection:
    """Clients of the services, and `call`: what every call is made with, our token and a deadline."""

    def __init__(self):
        identity = grpc.insecure_channel(os.environ["CABINET_IDENTITY"])
        case_monitoring = grpc.insecure_channel(os.environ["CABINET_CASE_MONITORING"])
        notification = grpc.insecure_channel(os.environ["CABINET_NOTIFICATION"])
        self.users = user_service_pb2_grpc.UserServiceStub(identity)
        self.cases = case_service_pb2_grpc.CaseServiceStub(case_monitoring)
        self.preferences = preference_service_pb2_grpc.PreferenceServiceStub(notification)
        token = issue_token(identity)
        self.call = {"metadata": [("authorization", f"Bearer {token}")], "timeout": DEADLINE}


def issue_token(identity):
    """Exchanges our credential for an access token, which is good for five minutes."""
    request = credentials.IssueServiceTokenRequest(
        credential_id=os.environ["CABINET_CREDENTIAL_ID"], secret=os.environ["CABINET_CREDENTIAL_SECRET"]
    )
    client = credential_service_pb2_grpc.CredentialServiceStub(identity)
    return client.IssueServiceToken(request, timeout=DEADLINE).access_token


def refusal(error):
    """What an error says to a program: `reason` and `domain` are part of the contract, the message is not."""
    info = detail(error, error_details_pb2.ErrorInfo)
    request = detail(error, error_details_pb2.BadRequest)
    return {
        "code": error.code().name,
        "reason": info.reason,
        "domain": info.domain,
        "fields": sorted(violation.field for violation in request.field_violations),
    }


def detail(error, kind):
    """The detail of this kind; an empty one if the error has none, as when it never reached Cabinet."""
    found = kind()
    status = rpc_status.from_call(error)
    for packed in status.details if status else []:
        if packed.Unpack(found):
            break
    return found
