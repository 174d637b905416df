//! What is said of Jaeger where something is amiss: one text for the sources that read from it.

use super::source::{Remedy, Sign, SignBody, Troubles};

/// What its UI asks first; all versions answer it at the HTTP port.
pub(super) const SIGN: Sign = Sign {
    path: "/api/services",
    body: SignBody::Begins("{\"data\":"),
    server: "Jaeger",
};

const ENDPOINT: &str =
    "--spans, or in the scenario: [tracing.spans] endpoint = \"http://HOST:16686\"";

/// Of a Jaeger that is read by gRPC or JSON.
pub(super) const JAEGER: Troubles = Troubles {
    not_there: &[
        Remedy {
            what: "nothing listens at {place}: Jaeger is not running",
            change: "docker compose ps; milvus-bench stack up for a local one",
        },
        Remedy {
            what: "its ports are not published",
            change: "Compose, service jaeger: ports: [\"127.0.0.1:16685:16685\", \
                     \"127.0.0.1:16686:16686\"]; Kubernetes: kubectl port-forward service/jaeger \
                     16685 16686",
        },
    ],
    web_port: OTHER_SERVER,
    other_server: OTHER_SERVER,
    web_page: &[
        Remedy {
            what: "Jaeger is served below a base path (--query.base-path), and this address leads \
                   to its UI or to a page of a proxy",
            change: "--spans, or in the scenario: [tracing.spans] endpoint = \
                     \"http://HOST:16686/BASE/PATH\"",
        },
        Remedy {
            what: "a proxy before Jaeger requires a login",
            change: "in the scenario: [tracing.spans] headers = { authorization = \"${NAME}\" }; \
                     or Kubernetes: kubectl port-forward service/jaeger 16685 16686",
        },
        Remedy {
            what: "that port is not Jaeger's",
            change: ENDPOINT,
        },
    ],
    refused: &[Remedy {
        what: "it requires authentication",
        change: "in the scenario: [tracing.spans] headers = { authorization = \"${NAME}\" } \
                 (Jaeger with tenants: x-tenant)",
    }],
    no_services: &[Remedy {
        what: "a proxy passes on only a part of its API",
        change: "the proxy before it: /api/v3/services, or the gRPC service \
                 jaeger.api_v2.QueryService",
    }],
    no_counters: "whether Milvus traces on its own is unknown, since Jaeger's counters (14269 or \
                  8888) do not answer",
    dropped: &[Remedy {
        what: "Jaeger's own counter shows that it dropped {spans} spans meanwhile",
        change: "Compose, service jaeger: environment: [COLLECTOR_QUEUE_SIZE=100000]; and no \
                 search in its UI during a run",
    }],
    own_work: &[Remedy {
        what: "Jaeger traces its own readers",
        change: "Jaeger 1.x: JAEGER_DISABLED=true or OTEL_TRACES_SAMPLER=always_off; Jaeger 2: \
                 jaeger_query.enable_tracing: false",
    }],
    moved_times: &[Remedy {
        what: "the back end adjusts spans for assumed clock skew",
        change: "Jaeger 1.x: --query.max-clock-skew-adjustment=0s; Jaeger 2: \
                 jaeger_query.max_clock_skew_adjust: 0s",
    }],
    other_back_end: &[Remedy {
        what: "OTLP endpoint and span source belong to two different back ends",
        change: "--otlp and --spans, or in the scenario: [tracing] export and [tracing.spans] \
                 endpoint: host of one Jaeger, its ports 4317 and 16686",
    }],
    otlp_from_container: "jaeger:4317",
    otlp_from_container_in_words: "jaeger:4317 (the Compose service), or host.docker.internal:4317",
    ..Troubles::NONE
};

const OTHER_SERVER: &[Remedy] = &[Remedy {
    what: "the server at {place} is not Jaeger's query service (16685 gRPC, 16686 JSON)",
    change: ENDPOINT,
}];
