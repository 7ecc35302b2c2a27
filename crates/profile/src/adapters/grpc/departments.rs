//! `cabinet.profile.v1.DepartmentService`.

use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::department_service_server::{DepartmentService, DepartmentServiceServer};
use runtime::grpc::{Page, Problem, id, open};
use tonic::{Request, Response, Status};

use crate::application::{DepartmentUseCases, ListDepartments};
use crate::domain::Department;

pub(crate) struct DepartmentGrpc {
    departments: DepartmentUseCases,
}

impl DepartmentGrpc {
    pub(crate) fn server(departments: DepartmentUseCases) -> DepartmentServiceServer<Self> {
        DepartmentServiceServer::new(Self { departments })
    }
}

#[tonic::async_trait]
impl DepartmentService for DepartmentGrpc {
    async fn create_department(
        &self,
        request: Request<pb::CreateDepartmentRequest>,
    ) -> Result<Response<pb::CreateDepartmentResponse>, Status> {
        let (call, request) = open(request)?;
        let company_id = id("company_id", &request.company_id)?;
        let department = self.departments.create(&call, company_id, &request.name).await.map_err(Problem::from)?;
        Ok(Response::new(pb::CreateDepartmentResponse { department: Some(told(&department.into_inner())) }))
    }

    async fn list_departments(
        &self,
        request: Request<pb::ListDepartmentsRequest>,
    ) -> Result<Response<pb::ListDepartmentsResponse>, Status> {
        let (call, request) = open(request)?;
        let company_id = id("company_id", &request.company_id)?;
        let page = Page::read(&call, &format!("ListDepartments {company_id}"), request.page_size, &request.page_token)?;
        let query = ListDepartments { company_id, after: page.after(), limit: page.size };
        let listed = self.departments.list(&call, query).await.map_err(Problem::from)?.into_inner();
        let next_page_token = page.next_token(listed.len(), listed.last().map(|department| department.id));
        Ok(Response::new(pb::ListDepartmentsResponse { departments: listed.iter().map(told).collect(), next_page_token }))
    }

    async fn rename_department(
        &self,
        request: Request<pb::RenameDepartmentRequest>,
    ) -> Result<Response<pb::RenameDepartmentResponse>, Status> {
        let (call, request) = open(request)?;
        let department_id = id("department_id", &request.department_id)?;
        let renamed = self.departments.rename(&call, department_id, &request.name, &request.etag).await.map_err(Problem::from)?;
        Ok(Response::new(pb::RenameDepartmentResponse { department: Some(told(&renamed.into_inner())) }))
    }

    async fn delete_department(
        &self,
        request: Request<pb::DeleteDepartmentRequest>,
    ) -> Result<Response<pb::DeleteDepartmentResponse>, Status> {
        let (call, request) = open(request)?;
        let department_id = id("department_id", &request.department_id)?;
        self.departments.delete(&call, department_id, &request.etag).await.map_err(Problem::from)?;
        Ok(Response::new(pb::DeleteDepartmentResponse {}))
    }
}

fn told(department: &Department) -> pb::Department {
    pb::Department {
        department_id: department.id.to_string(),
        company_id: department.company_id.to_string(),
        name: department.name.as_str().to_owned(),
        etag: department.etag(),
    }
}
