//! gRPC: the same requests in messages.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Map, Value};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::answer::COLUMNS;
use crate::error::{Kind, Refusal};
use crate::facts::{EXTENSIONS, PLATFORM, datatype, properties, shape};
use crate::input::NAME;
use crate::metrics::{Statistics, Tally};
use crate::request::{self, Arrived, Request, Response};
use crate::served::VERSION;
use crate::server::{Server, find};
use crate::tensors::Given;
use crate::traces::Trace;
use wire::grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer};
use wire::infer_parameter::ParameterChoice;
use wire::model_infer_request::InferInputTensor;
use wire::model_infer_response::InferOutputTensor;
use wire::model_metadata_response::TensorMetadata;

#[allow(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "made by the build script"
)]
mod wire {
    tonic::include_proto!("inference");
}

/// Bytes of an answer, at the most: certificates are some kilobytes each.
const MOST_ANSWER: usize = 1 << 30;

struct Service(Arc<Server>);

/// The service, its messages no larger than bodies may be.
pub(crate) fn routes(server: Arc<Server>) -> axum::Router {
    let most = server.settings.most_bytes;
    let service = GrpcInferenceServiceServer::new(Service(server))
        .max_decoding_message_size(most)
        .max_encoding_message_size(MOST_ANSWER);
    axum::Router::new().route_service("/inference.GRPCInferenceService/{*method}", service)
}

type Answer<T> = Result<tonic::Response<T>, Status>;

#[tonic::async_trait]
impl GrpcInferenceService for Service {
    async fn server_live(
        &self,
        _: tonic::Request<wire::ServerLiveRequest>,
    ) -> Answer<wire::ServerLiveResponse> {
        Ok(wire::ServerLiveResponse { live: true }.into())
    }

    async fn server_ready(
        &self,
        _: tonic::Request<wire::ServerReadyRequest>,
    ) -> Answer<wire::ServerReadyResponse> {
        Ok(wire::ServerReadyResponse { ready: self.0.is_ready() }.into())
    }

    async fn model_ready(
        &self,
        request: tonic::Request<wire::ModelReadyRequest>,
    ) -> Answer<wire::ModelReadyResponse> {
        let asked = request.into_inner();
        let pool = self.0.served.pool();
        find(&pool, &asked.name, &asked.version)?;
        Ok(wire::ModelReadyResponse { ready: self.0.is_ready() }.into())
    }

    async fn server_metadata(
        &self,
        _: tonic::Request<wire::ServerMetadataRequest>,
    ) -> Answer<wire::ServerMetadataResponse> {
        let extensions = EXTENSIONS.map(str::to_owned).to_vec();
        let (name, version) = ("drs".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        Ok(wire::ServerMetadataResponse { name, version, extensions }.into())
    }

    async fn model_metadata(
        &self,
        request: tonic::Request<wire::ModelMetadataRequest>,
    ) -> Answer<wire::ModelMetadataResponse> {
        let asked = request.into_inner();
        let pool = self.0.served.pool();
        let model = find(&pool, &asked.name, &asked.version)?;
        let tensor = |name: &str, datatype: &str, shape: Vec<i64>| TensorMetadata {
            name: name.to_owned(),
            datatype: datatype.to_owned(),
            shape,
        };
        Ok(wire::ModelMetadataResponse {
            name: model.name.clone(),
            versions: vec![VERSION.to_owned()],
            platform: PLATFORM.to_owned(),
            inputs: vec![tensor(NAME, datatype(&pool), shape(&pool))],
            outputs: COLUMNS.iter().map(|c| tensor(c.name, c.datatype, vec![-1])).collect(),
            properties: properties(&pool, model).into_iter().collect(),
        }
        .into())
    }

    async fn model_infer(
        &self,
        request: tonic::Request<wire::ModelInferRequest>,
    ) -> Answer<wire::ModelInferResponse> {
        let here = || Arrived { at: Instant::now(), trace: Trace::default() };
        let arrived = request.extensions().get::<Arrived>().cloned().unwrap_or_else(here);
        // What the client waits for at the most; tonic has it in the headers.
        let patience = patience(request.metadata());
        let asked = request.into_inner();
        let (model, version) = (asked.model_name.clone(), asked.model_version.clone());
        let mut read = read(asked).inspect_err(|refusal| {
            self.0.refused(&model, arrived.elapsed(), refusal);
        })?;
        if let (Some(patience), false) = (patience, read.parameters.contains_key("deadline_ms")) {
            // A tenth is left for the way back.
            let deadline = patience.as_secs_f64() * 900.0;
            read.parameters
                .insert("deadline_ms".to_owned(), Value::from(deadline.min(86_400_000.0)));
        }
        let response = self.0.infer(&model, &version, read, &arrived).await?;
        Ok(written(response).into())
    }

    async fn model_config(
        &self,
        request: tonic::Request<wire::ModelConfigRequest>,
    ) -> Answer<wire::ModelConfigResponse> {
        let asked = request.into_inner();
        let pool = self.0.served.pool();
        let model = find(&pool, &asked.name, &asked.version)?;
        let output = COLUMNS.iter().map(|column| wire::ModelOutput {
            name: column.name.to_owned(),
            data_type: config_type(column.datatype).into(),
            dims: Vec::new(),
        });
        let input = wire::ModelInput {
            name: NAME.to_owned(),
            data_type: config_type(datatype(&pool)).into(),
            dims: shape(&pool)[1..].to_vec(),
        };
        let config = wire::ModelConfig {
            name: model.name.clone(),
            platform: PLATFORM.to_owned(),
            max_batch_size: i32::try_from(self.0.settings.most_inputs).unwrap_or(i32::MAX),
            input: vec![input],
            output: output.collect(),
            backend: PLATFORM.to_owned(),
        };
        Ok(wire::ModelConfigResponse { config: Some(config) }.into())
    }

    async fn model_statistics(
        &self,
        request: tonic::Request<wire::ModelStatisticsRequest>,
    ) -> Answer<wire::ModelStatisticsResponse> {
        let asked = request.into_inner();
        let pool = self.0.served.pool();
        let models = if asked.name.is_empty() {
            pool.models.iter().collect()
        } else {
            vec![find(&pool, &asked.name, &asked.version)?]
        };
        let one = |name: &str| statistics(name, &self.0.metrics.statistics(name));
        let model_stats = models.into_iter().map(|model| one(&model.name)).collect();
        Ok(wire::ModelStatisticsResponse { model_stats }.into())
    }

    async fn repository_index(
        &self,
        _: tonic::Request<wire::RepositoryIndexRequest>,
    ) -> Answer<wire::RepositoryIndexResponse> {
        let state = if self.0.is_ready() { "READY" } else { "UNAVAILABLE" };
        let pool = self.0.served.pool();
        let one = |name: &str| wire::repository_index_response::ModelIndex {
            name: name.to_owned(),
            version: VERSION.to_owned(),
            state: state.to_owned(),
            reason: String::new(),
        };
        let models = pool.models.iter().map(|model| one(&model.name)).collect();
        Ok(wire::RepositoryIndexResponse { models }.into())
    }
}

/// The header `grpc-timeout`: up to eight digits and a unit.
fn patience(metadata: &tonic::metadata::MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count = digits.parse::<u32>().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(3600) * count,
        "M" => Duration::from_secs(60) * count,
        "S" => Duration::from_secs(1) * count,
        "m" => Duration::from_millis(1) * count,
        "u" => Duration::from_micros(1) * count,
        "n" => Duration::from_nanos(1) * count,
        _ => return None,
    })
}

/// A message as its bytes.
pub(crate) fn decode(message: Bytes) -> Result<Request, Refusal> {
    crate::codec::decode(message).map_err(Refusal::invalid).and_then(read)
}

fn read(asked: wire::ModelInferRequest) -> Result<Request, Refusal> {
    let wire::ModelInferRequest { id, parameters, inputs, outputs, raw_input_contents, .. } = asked;
    if !raw_input_contents.is_empty() && raw_input_contents.len() != inputs.len() {
        return Err(Refusal::invalid(format!(
            "raw_input_contents: {} entries found, expected {}, one for each input",
            raw_input_contents.len(),
            inputs.len()
        )));
    }
    let parameters: Map<String, Value> = parameters
        .into_iter()
        .filter_map(|(name, value)| Some((name, parameter(value.parameter_choice?))))
        .collect();
    let mut raw = raw_input_contents.into_iter();
    let inputs = inputs.into_iter().map(|input| tensor(input, raw.next()));
    let inputs = inputs.collect::<Result<_, _>>()?;
    for output in &outputs {
        known(&output.parameters, &format!("output {}", output.name))?;
    }
    let outputs = outputs.into_iter().map(|output| output.name).collect();
    Ok(Request { id, parameters, inputs, outputs })
}

fn parameter(choice: ParameterChoice) -> Value {
    match choice {
        ParameterChoice::BoolParam(value) => value.into(),
        ParameterChoice::Int64Param(value) => value.into(),
        ParameterChoice::StringParam(value) => value.into(),
        ParameterChoice::DoubleParam(value) => value.into(),
        ParameterChoice::Uint64Param(value) => value.into(),
    }
}

fn tensor(input: InferInputTensor, raw: Option<Bytes>) -> Result<request::Input, Refusal> {
    let InferInputTensor { name, datatype, shape, parameters, contents } = input;
    let fail = |problem: String| Refusal::invalid(format!("input {name}: {problem}"));
    known(&parameters, &format!("input {name}"))?;
    let contents = contents.filter(|contents| *contents != wire::InferTensorContents::default());
    let values = match (raw, contents, datatype.as_str()) {
        (Some(_), Some(_), _) => {
            return Err(fail(
                "contents and raw_input_contents: both found, expected one".to_owned(),
            ));
        }
        (Some(raw), None, _) => Given::Raw(raw),
        (None, Some(contents), "UINT8") => {
            Given::Bytes(bytes(&contents.uint_contents).map_err(fail)?)
        }
        (None, Some(contents), "FP32") => Given::Floats(contents.fp32_contents),
        (None, Some(contents), "BYTES") => {
            Given::Files(contents.bytes_contents.into_iter().map(Bytes::from).collect())
        }
        (None, Some(_), _) => {
            return Err(fail(format!(
                "datatype {datatype} found, expected UINT8, FP32 or BYTES (encoded images)"
            )));
        }
        (None, None, _) => {
            return Err(fail("neither contents nor raw_input_contents found".to_owned()));
        }
    };
    Ok(request::Input { name, datatype, shape, values })
}

/// Refuses parameters of tensors but for those that say what messages say anyway.
fn known(parameters: &HashMap<String, wire::InferParameter>, of: &str) -> Result<(), Refusal> {
    const KNOWN: [&str; 3] = ["content_type", "binary_data", "binary_data_size"];
    match parameters.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        Some(other) => {
            Err(Refusal::invalid(format!("{of}: parameter {other}: no such parameter here")))
        }
        None => Ok(()),
    }
}

fn bytes(values: &[u32]) -> Result<Vec<u8>, String> {
    let byte = |(index, &value): (usize, &u32)| {
        u8::try_from(value).map_err(|_| format!("value {index}: {value} found, expected 0 to 255"))
    };
    values.iter().enumerate().map(byte).collect()
}

fn written(response: Response) -> wire::ModelInferResponse {
    let raw = response.outputs.iter().map(|output| output.values.raw()).collect();
    let outputs = response.outputs.iter().map(|output| InferOutputTensor {
        name: output.name.to_owned(),
        datatype: output.values.datatype().to_owned(),
        shape: vec![i64::try_from(output.count).unwrap_or(i64::MAX)],
        ..InferOutputTensor::default()
    });
    wire::ModelInferResponse {
        model_name: response.model,
        model_version: VERSION.to_owned(),
        id: response.id,
        outputs: outputs.collect(),
        raw_output_contents: raw,
        ..wire::ModelInferResponse::default()
    }
}

fn config_type(datatype: &str) -> wire::DataType {
    match datatype {
        "BOOL" => wire::DataType::TypeBool,
        "UINT8" => wire::DataType::TypeUint8,
        "FP32" => wire::DataType::TypeFp32,
        "UINT64" => wire::DataType::TypeUint64,
        "INT64" => wire::DataType::TypeInt64,
        "FP64" => wire::DataType::TypeFp64,
        _ => wire::DataType::TypeString,
    }
}

fn statistics(name: &str, found: &Statistics) -> wire::ModelStatistics {
    let tally = |tally: Tally| Some(wire::StatisticDuration { count: tally.count, ns: tally.ns });
    wire::ModelStatistics {
        name: name.to_owned(),
        version: VERSION.to_owned(),
        last_inference: found.last_ms,
        inference_count: found.inputs,
        execution_count: found.executions,
        inference_stats: Some(wire::InferStatistics {
            success: tally(found.success),
            fail: tally(found.fail),
            queue: tally(found.queue),
            compute_infer: tally(found.infer),
            ..wire::InferStatistics::default()
        }),
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.kind {
            Kind::Invalid => Code::InvalidArgument,
            Kind::Unknown => Code::NotFound,
            Kind::Unauthorized => Code::Unauthenticated,
            Kind::Misdirected => Code::PermissionDenied,
            Kind::TooLarge | Kind::Busy(_) => Code::ResourceExhausted,
            Kind::TooSlow | Kind::Late => Code::DeadlineExceeded,
            Kind::Ending => Code::Unavailable,
            Kind::Failed => Code::Internal,
        };
        let mut status = Self::new(code, refusal.message);
        if let Kind::Busy(after) = refusal.kind {
            // What clients of gRPC know of Retry-After.
            let after = after.as_millis().to_string();
            if let Ok(after) = MetadataValue::try_from(after) {
                status.metadata_mut().insert("grpc-retry-pushback-ms", after);
            }
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_patience_is_read() {
        let of = |text: &'static str| {
            let mut metadata = tonic::metadata::MetadataMap::new();
            metadata.insert("grpc-timeout", MetadataValue::from_static(text));
            patience(&metadata)
        };
        assert_eq!(of("250m"), Some(Duration::from_millis(250)));
        assert_eq!(of("3S"), Some(Duration::from_secs(3)));
        assert_eq!(of("99999999H"), Some(Duration::from_secs(3600 * 99_999_999)));
        assert_eq!((of(""), of("S"), of("3x"), of("-1S")), (None, None, None, None));
    }
}
