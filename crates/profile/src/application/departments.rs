//! Departments and branches of a company: listed by its owners, and known to all of it.

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, CompanyId, DepartmentId, IdSource, Permit, Refusal};

use super::error::hidden_company;
use super::{ATTEMPTS, Departments, Error, InsertDepartment, RenameDepartment};
use crate::domain::access::Action;
use crate::domain::{Department, DepartmentName};

pub(crate) struct DepartmentUseCases {
    pub(crate) departments: Arc<dyn Departments>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

pub(crate) struct ListDepartments {
    pub(crate) company_id: CompanyId,
    pub(crate) after: Option<DepartmentId>,
    pub(crate) limit: i64,
}

impl DepartmentUseCases {
    pub(crate) async fn create(&self, call: &Call, company_id: CompanyId, name: &str) -> Result<Authorized<Department>, Error> {
        let action = Action::ManageDepartments { company_id: Some(company_id) };
        let permit = call.authorize(&action).map_err(hidden_company)?;
        let (realm_id, name) = (call.realm_id()?, DepartmentName::parse(name)?);
        let department = Department { realm_id, id: self.ids.new_id(self.clock.now()), company_id, name, version: 1 };
        match self.departments.insert(&permit, call, &department).await? {
            InsertDepartment::Done => Ok(permit.show(department)),
            InsertDepartment::Exists => Err(Error::DepartmentExists),
            InsertDepartment::TooMany => Err(Error::DepartmentsLimited),
        }
    }

    pub(crate) async fn list(&self, call: &Call, query: ListDepartments) -> Result<Authorized<Vec<Department>>, Error> {
        let ListDepartments { company_id, after, limit } = query;
        let permit = call.authorize(&Action::ListDepartments { company_id }).map_err(hidden_company)?;
        Ok(permit.show(self.departments.page(call.realm_id()?, company_id, after, limit).await?))
    }

    pub(crate) async fn rename(
        &self,
        call: &Call,
        id: DepartmentId,
        name: &str,
        etag: &str,
    ) -> Result<Authorized<Department>, Error> {
        for _ in 0..ATTEMPTS {
            let (department, permit) = self.manage(call, id, etag).await?;
            let Some(renamed) = department.renamed(DepartmentName::parse(name)?) else { return Ok(permit.show(department)) };
            match self.departments.update(&permit, call, &renamed).await? {
                RenameDepartment::Done => return Ok(permit.show(renamed)),
                RenameDepartment::Exists => return Err(Error::DepartmentExists),
                RenameDepartment::Stale => {}
            }
        }
        Err(Error::EtagMismatch)
    }

    pub(crate) async fn delete(&self, call: &Call, id: DepartmentId, etag: &str) -> Result<Authorized<()>, Error> {
        for _ in 0..ATTEMPTS {
            let (department, permit) = self.manage(call, id, etag).await?;
            if self.departments.delete(&permit, call, &department).await? {
                return Ok(permit.show(()));
            }
        }
        Err(Error::EtagMismatch)
    }

    async fn manage(&self, call: &Call, id: DepartmentId, etag: &str) -> Result<(Department, Permit), Error> {
        let found = self.departments.list(call.realm_id()?, &[id]).await?.pop();
        let company_id = found.as_ref().map(|department| department.company_id);
        let permit = call.authorize(&Action::ManageDepartments { company_id }).map_err(hidden_department)?;
        let department = found.ok_or(Error::DepartmentNotFound)?;
        if !etag.is_empty() && etag != department.etag() {
            return Err(Error::EtagMismatch);
        }
        Ok((department, permit))
    }
}

fn hidden_department(refusal: Refusal) -> Error {
    if refusal == Refusal::Hidden { Error::DepartmentNotFound } else { Error::Refused(refusal) }
}
