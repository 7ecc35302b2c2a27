"""Calls Cabinet with nothing of its contract at hand: asks the running service for it, as tools do.

    by_reflection.py CASE_ID

Prints the case as JSON. CABINET_CASE_MONITORING is the service's address, CABINET_TOKEN an access token.
"""

import os
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def main():
    [case_id] = sys.argv[1:]
    with grpc.insecure_channel(os.environ["CABINET_CASE_MONITORING"]) as channel:
        service = described(channel, "cabinet.case_monitoring.v1.CaseService")
        answer = call(channel, service.methods_by_name["GetCase"], {"case_id": case_id})
    print(json_format.MessageToJson(answer, preserving_proto_field_name=True, indent=None))


def described(channel, name):
    """What the service says of itself."""
    return DescriptorPool(ProtoReflectionDescriptorDatabase(channel)).FindServiceByName(name)


def call(channel, method, fields):
    request = json_format.ParseDict(fields, GetMessageClass(method.input_type)())
    stub = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    metadata = [("authorization", f"Bearer {os.environ['CABINET_TOKEN']}")]
    return stub(request, metadata=metadata, timeout=5)


main()
