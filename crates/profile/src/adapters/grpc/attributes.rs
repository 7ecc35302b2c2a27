//! `cabinet.profile.v1.AttributeService`.

use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::attribute_service_server::{AttributeService, AttributeServiceServer};
use api::cabinet::r#type::v1::LocalizedText;
use runtime::grpc::{Problem, id, open};
use tonic::{Request, Response, Status};

use super::problem::UnknownAttributePath;
use crate::application::{AttributeUseCases, CreateAttribute, UpdateAttribute};
use crate::domain::{Attribute, AttributeAudience, AttributeLabel, AttributeType, ProposedRules, Texts};

pub(crate) struct AttributeGrpc {
    attributes: AttributeUseCases,
}

impl AttributeGrpc {
    pub(crate) fn server(attributes: AttributeUseCases) -> AttributeServiceServer<Self> {
        AttributeServiceServer::new(Self { attributes })
    }
}

#[tonic::async_trait]
impl AttributeService for AttributeGrpc {
    async fn create_attribute(
        &self,
        request: Request<pb::CreateAttributeRequest>,
    ) -> Result<Response<pb::CreateAttributeResponse>, Status> {
        let (call, request) = open(request)?;
        let attribute = self.attributes.create(&call, create_attribute(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::CreateAttributeResponse { attribute: Some(told(attribute.into_inner())) }))
    }

    async fn list_attributes(
        &self,
        request: Request<pb::ListAttributesRequest>,
    ) -> Result<Response<pb::ListAttributesResponse>, Status> {
        let (call, request) = open(request)?;
        let company_id = id("company_id", &request.company_id)?;
        let attributes = self.attributes.list(&call, company_id).await.map_err(Problem::from)?;
        let attributes = attributes.into_inner().into_iter().map(told).collect();
        Ok(Response::new(pb::ListAttributesResponse { attributes }))
    }

    async fn update_attribute(
        &self,
        request: Request<pb::UpdateAttributeRequest>,
    ) -> Result<Response<pb::UpdateAttributeResponse>, Status> {
        let (call, request) = open(request)?;
        let attribute = self.attributes.update(&call, update_attribute(request)?).await.map_err(Problem::from)?;
        Ok(Response::new(pb::UpdateAttributeResponse { attribute: Some(told(attribute.into_inner())) }))
    }

    async fn delete_attribute(
        &self,
        request: Request<pb::DeleteAttributeRequest>,
    ) -> Result<Response<pb::DeleteAttributeResponse>, Status> {
        let (call, request) = open(request)?;
        let attribute_id = id("attribute_id", &request.attribute_id)?;
        self.attributes.delete(&call, attribute_id, &request.etag).await.map_err(Problem::from)?;
        Ok(Response::new(pb::DeleteAttributeResponse {}))
    }
}

fn create_attribute(request: pb::CreateAttributeRequest) -> Result<CreateAttribute, Problem> {
    let wanted = request.attribute.unwrap_or_default();
    let all = ["label", "required", "options", "visible_to", "editable_by", "placed"];
    let mut rules = ProposedRules::default();
    for path in all {
        propose(&mut rules, path, &wanted)?;
    }
    Ok(CreateAttribute {
        company_id: id("attribute.company_id", &wanted.company_id)?,
        kind: kind(wanted.r#type()),
        key: wanted.key,
        rules,
    })
}

fn update_attribute(request: pb::UpdateAttributeRequest) -> Result<UpdateAttribute, Problem> {
    let (wanted, mask) = (request.attribute.unwrap_or_default(), request.update_mask.unwrap_or_default());
    if mask.paths.is_empty() {
        return Err(UnknownAttributePath.into());
    }
    let mut rules = ProposedRules::default();
    for path in &mask.paths {
        propose(&mut rules, path, &wanted)?;
    }
    Ok(UpdateAttribute { attribute_id: id("attribute.attribute_id", &wanted.attribute_id)?, rules, etag: request.etag })
}

/// Takes over the part that a path names.
fn propose(rules: &mut ProposedRules, path: &str, wanted: &pb::Attribute) -> Result<(), Problem> {
    match path {
        "label" => rules.label = Some(texts(wanted.label.as_ref())),
        "required" => rules.required = Some(wanted.required),
        "options" => {
            let options = wanted.options.iter().map(|option| (option.key.clone(), texts(option.label.as_ref())));
            rules.options = Some(options.collect());
        }
        "visible_to" => rules.visible_to = Some(wanted.visible_to.iter().map(|number| named(*number)).collect()),
        "editable_by" => rules.editable_by = Some(wanted.editable_by.iter().map(|number| named(*number)).collect()),
        "placed" => rules.placed = Some(wanted.placed),
        _ => return Err(UnknownAttributePath.into()),
    }
    Ok(())
}

/// One that only a later release knows is none, and is not passed over.
fn named(number: i32) -> Option<AttributeAudience> {
    audience(pb::AttributeAudience::try_from(number).unwrap_or_default())
}

fn texts(label: Option<&LocalizedText>) -> Texts {
    label.map(|label| label.by_language.clone().into_iter().collect()).unwrap_or_default()
}

const fn kind(kind: pb::AttributeType) -> Option<AttributeType> {
    match kind {
        pb::AttributeType::Unspecified => None,
        pb::AttributeType::Text => Some(AttributeType::Text),
        pb::AttributeType::Number => Some(AttributeType::Number),
        pb::AttributeType::Date => Some(AttributeType::Date),
        pb::AttributeType::Boolean => Some(AttributeType::Boolean),
        pb::AttributeType::Choice => Some(AttributeType::Choice),
        pb::AttributeType::MultipleChoice => Some(AttributeType::MultipleChoice),
    }
}

const fn kind_told(kind: AttributeType) -> pb::AttributeType {
    match kind {
        AttributeType::Text => pb::AttributeType::Text,
        AttributeType::Number => pb::AttributeType::Number,
        AttributeType::Date => pb::AttributeType::Date,
        AttributeType::Boolean => pb::AttributeType::Boolean,
        AttributeType::Choice => pb::AttributeType::Choice,
        AttributeType::MultipleChoice => pb::AttributeType::MultipleChoice,
    }
}

const fn audience(audience: pb::AttributeAudience) -> Option<AttributeAudience> {
    match audience {
        pb::AttributeAudience::Unspecified => None,
        pb::AttributeAudience::User => Some(AttributeAudience::User),
        pb::AttributeAudience::Agent => Some(AttributeAudience::Agent),
        pb::AttributeAudience::Owner => Some(AttributeAudience::Owner),
    }
}

fn audience_told(audience: AttributeAudience) -> i32 {
    match audience {
        AttributeAudience::User => pb::AttributeAudience::User.into(),
        AttributeAudience::Agent => pb::AttributeAudience::Agent.into(),
        AttributeAudience::Owner => pb::AttributeAudience::Owner.into(),
    }
}

fn label_told(label: &AttributeLabel) -> LocalizedText {
    LocalizedText { by_language: label.texts().clone().into_iter().collect() }
}

fn told(attribute: Attribute) -> pb::Attribute {
    let etag = attribute.etag();
    let rules = attribute.rules;
    let options = rules.options.iter();
    pb::Attribute {
        attribute_id: attribute.id.to_string(),
        company_id: attribute.company_id.to_string(),
        key: attribute.key.as_str().to_owned(),
        r#type: kind_told(attribute.kind).into(),
        label: Some(label_told(&rules.label)),
        required: rules.required,
        options: options
            .map(|option| pb::AttributeOption { key: option.key.as_str().to_owned(), label: Some(label_told(&option.label)) })
            .collect(),
        visible_to: rules.visible_to.into_iter().map(audience_told).collect(),
        editable_by: rules.editable_by.into_iter().map(audience_told).collect(),
        placed: rules.placed,
        etag,
    }
}
