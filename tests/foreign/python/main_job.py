"""Cabinet's main job, as a team that works in Python would write it; and what Cabinet says to calls that are wrong.

    main_job.py play EMAIL      a new customer, his tick, a case of his, its next status; then calls that are refused
    main_job.py read CASE_ID    one case

Prints what came of it as JSON. CABINET_COMPANY_ID names the company; what else it wants to know, connection.py says.
"""

import json
import os
import sys
import uuid

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from cabinet.case_monitoring.v1 import case_service_pb2 as case
from cabinet.identity.v1 import user_service_pb2 as user
from cabinet.notification.v1 import preference_service_pb2 as preference
from connection import DEADLINE, Connection, refusal

COMPANY = os.environ["CABINET_COMPANY_ID"]


def play(cabinet, email):
    customer = create_customer(cabinet, email)
    ticked = tick_email(cabinet, customer.user_id)
    created = create_case(cabinet, customer.user_id)
    change_status(cabinet, created.case_id, "OPEN")
    return {
        "user_id": customer.user_id,
        "ticked": ticked.status_change.email,
        **read(cabinet, created.case_id),
        "refusals": refusals(cabinet, customer, created.case_id),
    }


def create_customer(cabinet, email):
    request = user.CreateUserRequest(
        company_id=COMPANY, role=user.ROLE_CUSTOMER, email=email, invitation=user.INVITATION_NONE
    )
    return cabinet.users.CreateUser(request, **cabinet.call).user


def tick_email(cabinet, user_id):
    """Only what the mask names is changed."""
    ticks = preference.ChannelTicks(email=True)
    request = preference.UpdatePreferencesRequest(
        preferences=preference.Preferences(user_id=user_id, status_change=ticks),
        update_mask=FieldMask(paths=["status_change.email"]),
    )
    return cabinet.preferences.UpdatePreferences(request, **cabinet.call).preferences


def create_case(cabinet, requester_id, subject="Printer on fire"):
    request = case.CreateCaseRequest(
        company_id=COMPANY, requester_id=requester_id, kind=case.CASE_KIND_REQUEST, subject=subject
    )
    return cabinet.cases.CreateCase(request, **cabinet.call).case


def change_status(cabinet, case_id, status):
    request = case.ChangeCaseStatusRequest(case_id=case_id, status=status)
    return cabinet.cases.ChangeCaseStatus(request, **cabinet.call).case


def read(cabinet, case_id):
    found = cabinet.cases.GetCase(case.GetCaseRequest(case_id=case_id), **cabinet.call).case
    return {"case_id": found.case_id, "number": found.number, "status": found.status.code, "version": found.version}


def refusals(cabinet, customer, case_id):
    unknown = case.GetCaseRequest(case_id=str(uuid.uuid4()))
    return {
        "address taken": refused(lambda: create_customer(cabinet, customer.email)),
        "no such move": refused(lambda: change_status(cabinet, case_id, "NEW")),
        "no such case": refused(lambda: cabinet.cases.GetCase(unknown, **cabinet.call)),
        "two wrong fields": refused(lambda: create_case(cabinet, "not an id", subject="")),
        "no token": refused(lambda: cabinet.cases.GetCase(unknown, timeout=DEADLINE)),
    }


def refused(call):
    try:
        call()
    except grpc.RpcError as error:
        return refusal(error)
    return None


def main():
    command, argument = sys.argv[1:]
    cabinet = Connection()
    try:
        report = {"play": play, "read": read}[command](cabinet, argument)
    except grpc.RpcError as error:
        report = refusal(error)
    print(json.dumps(report))


main()
