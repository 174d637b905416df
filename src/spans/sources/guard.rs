//! A source whose words and spans are masked: whatever was sent in headers must not come back in
//! them.

use std::collections::HashMap;
use std::sync::Arc;

use super::source::{LossCounters, SourceInfo, SourceOptions, SpanSource};
use crate::mask::Mask;
use crate::spans::error::SpanError;
use crate::spans::span::{AttributeValue, ServerSpan, SpanResource, Trace};

/// `opened` with everything masked that was sent in `options`.
pub(super) fn guard(
    options: &SourceOptions,
    opened: Result<Box<dyn SpanSource>, SpanError>,
) -> Result<Box<dyn SpanSource>, SpanError> {
    if options.headers.is_empty() {
        return opened;
    }
    let mask = Mask::of(&options.headers);
    match opened {
        Ok(source) => {
            let info = source.info();
            let info = SourceInfo {
                remark: mask.text(&info.remark),
                ..info.clone()
            };
            Ok(Box::new(Guarded { source, info, mask }))
        }
        Err(error) => Err(mask.error(error)),
    }
}

struct Guarded {
    source: Box<dyn SpanSource>,
    info: SourceInfo,
    mask: Mask,
}

impl Mask {
    fn error(&self, error: SpanError) -> SpanError {
        SpanError {
            text: self.text(&error.text),
            ..error
        }
    }

    fn span(&self, span: &mut ServerSpan) {
        for text in [&mut span.name, &mut span.scope, &mut span.status_message] {
            self.in_span(text);
        }
        span.events
            .iter_mut()
            .for_each(|event| self.in_span(&mut event.name));
        self.attributes(&mut span.attributes);
    }

    fn attributes(&self, attributes: &mut [(String, AttributeValue)]) {
        for (key, value) in attributes {
            self.in_span(key);
            if let AttributeValue::Text(text) = value {
                self.in_span(text);
            }
        }
    }

    /// Spans of one process go on sharing it.
    fn trace(&self, mut trace: Trace) -> Trace {
        // By address, at which the first of them is kept.
        let mut known: HashMap<*const SpanResource, (Arc<SpanResource>, Arc<SpanResource>)> =
            HashMap::new();
        for span in &mut trace.spans {
            self.span(span);
            let (_, masked) = known.entry(Arc::as_ptr(&span.resource)).or_insert_with(|| {
                let mut resource = (*span.resource).clone();
                self.in_span(&mut resource.service);
                self.attributes(&mut resource.attributes);
                (Arc::clone(&span.resource), Arc::new(resource))
            });
            span.resource = Arc::clone(masked);
        }
        trace
    }
}

#[async_trait::async_trait]
impl SpanSource for Guarded {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
        self.source
            .trace(trace_id)
            .await
            .map(|trace| self.mask.trace(trace))
            .map_err(|error| self.mask.error(error))
    }

    async fn loss(&self) -> Option<LossCounters> {
        self.source.loss().await
    }

    fn refused(&self) -> Option<String> {
        self.source.refused().map(|text| self.mask.text(&text))
    }

    async fn services(&self) -> Result<Vec<String>, SpanError> {
        let services = self
            .source
            .services()
            .await
            .map_err(|error| self.mask.error(error))?;
        let masked = |mut service: String| {
            self.mask.in_span(&mut service);
            service
        };
        Ok(services.into_iter().map(masked).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spans::SpanKind;
    use crate::spans::sources::source::SourceEntry;
    use crate::spans::whole::tests::span;

    fn mask(value: &str) -> Mask {
        Mask::of(&[("authorization".to_owned(), value.to_owned())])
    }

    #[test]
    fn spans_keep_the_names_of_services_and_lose_secrets() {
        let odd = mask("t0ken-of-the-house");
        let mut one = span(1, 0, SpanKind::Server, "GET t0ken-of-the-house", 0, 1);
        one.attributes = vec![(
            "http.header".to_owned(),
            AttributeValue::Text("t0ken-of-the-house".to_owned()),
        )];
        one.status_message = "no t0ken-of-the-house".to_owned();
        one.resource = Arc::new(SpanResource {
            service: "standalone".to_owned(),
            attributes: one.attributes.clone(),
        });
        let masked = odd.trace(Trace {
            trace_id: 1,
            spans: vec![one.clone(), ServerSpan { span_id: 2, ..one }],
        });
        assert!(!format!("{masked:?}").contains("t0ken"), "{masked:?}");
        assert!(Arc::ptr_eq(
            &masked.spans[0].resource,
            &masked.spans[1].resource
        ));
        // The name of a tenant that is also that of a service.
        let mut name = "standalone".to_owned();
        mask("standalone").in_span(&mut name);
        assert_eq!(name, "standalone");
    }

    struct Refusing(SourceInfo);

    #[async_trait::async_trait]
    impl SpanSource for Refusing {
        fn info(&self) -> &SourceInfo {
            &self.0
        }

        async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
            Ok(Trace {
                trace_id,
                spans: vec![],
            })
        }

        fn refused(&self) -> Option<String> {
            Some("not for t0ken-of-the-house".to_owned())
        }
    }

    #[test]
    fn what_was_refused_is_told_without_the_secret() {
        let info = SourceInfo {
            entry: SourceEntry::usual(),
            server: String::new(),
            remark: String::new(),
            resolution_ns: 1,
            ui: None,
        };
        let options = SourceOptions {
            headers: vec![("authorization".into(), "t0ken-of-the-house".into())],
            ..SourceOptions::default()
        };
        let guarded = guard(&options, Ok(Box::new(Refusing(info)))).expect("opened");
        let told = guarded.refused().expect("told");
        assert!(
            told.starts_with("not for") && !told.contains("t0ken"),
            "{told}"
        );
    }
}
