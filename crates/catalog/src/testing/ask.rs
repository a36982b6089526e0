use std::collections::BTreeMap;

use crate::ports::{
    Ask, AskError, DataLocation, PageSink, QuerySummary, StopFlag, UserQuery, WarehouseTable,
};
use crate::{Page, Question, Value};

type Answer = Box<dyn Fn(&[(String, Value)]) -> Page>;

/// A warehouse in memory: it answers the questions that it was given an answer for, and no SQL.
#[derive(Default)]
pub struct MemoryAsk {
    answers: BTreeMap<&'static str, Answer>,
    tables: BTreeMap<&'static str, Vec<String>>,
}

impl MemoryAsk {
    /// Adds the answer to a question, computed from the bound values.
    pub fn answer(
        mut self,
        question: &'static str,
        page: impl Fn(&[(String, Value)]) -> Page + 'static,
    ) -> MemoryAsk {
        self.answers.insert(question, Box::new(page));
        self
    }

    /// Adds the names of the tables that a question reads; without them it reads none.
    pub fn reads(mut self, question: &'static str, tables: &[&str]) -> MemoryAsk {
        self.tables.insert(question, tables.iter().map(|table| table.to_string()).collect());
        self
    }
}

impl Ask for MemoryAsk {
    fn ask(&self, question: &Question, values: &[(String, Value)]) -> Result<Page, AskError> {
        let answer = self.answers.get(question.name).ok_or_else(|| {
            AskError::Failed(format!("the memory warehouse has no answer to {}", question.name))
        })?;
        Ok(answer(values))
    }

    fn query(&self, _: &UserQuery, _: &StopFlag, _: PageSink<'_>) -> Result<QuerySummary, AskError> {
        Err(AskError::Failed("the memory warehouse runs no SQL".into()))
    }

    fn table(&self, name: &str) -> Result<Page, AskError> {
        Err(AskError::Failed(format!("the memory warehouse has no table {name}")))
    }

    fn tables_of(&self, question: &Question) -> Result<Vec<String>, AskError> {
        Ok(self.tables.get(question.name).cloned().unwrap_or_default())
    }

    fn tables(&self) -> Result<Vec<WarehouseTable>, AskError> {
        Ok(Vec::new())
    }

    fn place(&self) -> DataLocation {
        DataLocation { lake: None, manifest: 0, warehouse: None }
    }
}

/// A warehouse that fails to answer one question. All other calls reach the inner warehouse.
pub struct FailingAsk<A> {
    /// The inner warehouse.
    pub inner: A,
    /// Name of the question that fails.
    pub question: &'static str,
    /// The error.
    pub error: AskError,
}

impl<A: Ask> Ask for FailingAsk<A> {
    fn ask(&self, question: &Question, values: &[(String, Value)]) -> Result<Page, AskError> {
        match question.name == self.question {
            true => Err(self.error.clone()),
            false => self.inner.ask(question, values),
        }
    }

    fn query(
        &self,
        query: &UserQuery,
        stop: &StopFlag,
        sink: PageSink<'_>,
    ) -> Result<QuerySummary, AskError> {
        self.inner.query(query, stop, sink)
    }

    fn table(&self, name: &str) -> Result<Page, AskError> {
        self.inner.table(name)
    }

    fn tables_of(&self, question: &Question) -> Result<Vec<String>, AskError> {
        self.inner.tables_of(question)
    }

    fn tables(&self) -> Result<Vec<WarehouseTable>, AskError> {
        self.inner.tables()
    }

    fn place(&self) -> DataLocation {
        self.inner.place()
    }
}
