//! Bodies: JSON, and the binary extension, where tensors follow it.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::flat::Flat;
use crate::error::{Kind, Refusal};
use crate::limits::Held;
use crate::request::{self, Request};
use crate::tensors::Given;

/// How long the JSON is, where tensors follow it.
const HEADER_LENGTH: &str = "inference-header-content-length";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
    inputs: Vec<Input>,
    #[serde(default)]
    outputs: Option<Vec<Output>>,
    /// Some clients repeat them; the path tells.
    #[serde(default, rename = "model_name")]
    _model_name: Option<Value>,
    #[serde(default, rename = "model_version")]
    _model_version: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    name: String,
    shape: Vec<i64>,
    datatype: String,
    #[serde(default)]
    parameters: Option<OfInput>,
    #[serde(default)]
    data: Option<Flat>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfInput {
    #[serde(default)]
    binary_data_size: Option<u64>,
    /// Files in JSON are base64, whether this says so or not.
    #[serde(default, rename = "content_type")]
    _content_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Option<OfOutput>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfOutput {
    #[serde(default)]
    binary_data: Option<bool>,
}

/// Which outputs are wanted as bytes behind the JSON.
pub(crate) struct Form {
    others: bool,
    named: Vec<(String, bool)>,
}

impl Form {
    fn is_binary(&self, name: &str) -> bool {
        let own = self.named.iter().find(|(other, _)| other == name);
        own.map_or(self.others, |(_, binary)| *binary)
    }
}

/// What a value in JSON may take once it is read, beside its text: a text and a file, or an entry of a map.
const OF_A_VALUE: u64 = 96;

/// The request in a body; `held` is what it takes.
pub(crate) fn request(
    headers: &HeaderMap,
    body: Bytes,
    held: &Held,
) -> Result<(Request, Form), Refusal> {
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(Refusal::invalid(format!(
            "Content-Encoding: {coding:?} found, expected none: send the body as it is"
        )));
    }
    let (text, mut rest) = split(headers, body)?;
    let values = text.iter().filter(|&&byte| byte == b',').count() as u64;
    held.grow(text.len() as u64 + OF_A_VALUE * values)?;
    let whole: Whole = serde_json::from_slice(&text)
        .map_err(|error| Refusal::invalid(format!("the body's JSON: {error}")))?;
    let parameters = whole.parameters.unwrap_or_default();
    let others = match parameters.get("binary_data_output") {
        None => false,
        Some(Value::Bool(binary)) => *binary,
        Some(other) => {
            return Err(Refusal::invalid(format!(
                "parameter binary_data_output: {other} found, expected true or false"
            )));
        }
    };
    let inputs = whole.inputs.into_iter().map(|input| input.read(&mut rest));
    let inputs = inputs.collect::<Result<_, _>>()?;
    if !rest.is_empty() {
        return Err(Refusal::invalid(format!(
            "{} bytes behind the tensors, expected none: binary_data_size of the inputs says how many there are",
            rest.len()
        )));
    }
    let outputs = whole.outputs.unwrap_or_default();
    let named = outputs.iter().filter_map(|output| {
        let binary = output.parameters.as_ref().and_then(|parameters| parameters.binary_data)?;
        Some((output.name.clone(), binary))
    });
    let form = Form { others, named: named.collect() };
    let outputs = outputs.into_iter().map(|output| output.name).collect();
    Ok((Request { id: whole.id.unwrap_or_default(), parameters, inputs, outputs }, form))
}

/// The JSON, and what follows it.
fn split(headers: &HeaderMap, mut body: Bytes) -> Result<(Bytes, Bytes), Refusal> {
    let Some(told) = headers.get(HEADER_LENGTH) else { return Ok((body, Bytes::new())) };
    let length = told.to_str().ok().and_then(|text| text.parse().ok());
    match length.filter(|&length| length <= body.len()) {
        Some(length) => Ok((body.split_to(length), body)),
        None => Err(Refusal::invalid(format!(
            "Inference-Header-Content-Length: {told:?} found, expected the length of the JSON, at most {}",
            body.len()
        ))),
    }
}

impl Input {
    fn read(self, rest: &mut Bytes) -> Result<request::Input, Refusal> {
        let Self { name, shape, datatype, parameters, data } = self;
        let fail = |problem: String| Refusal::invalid(format!("input {name}: {problem}"));
        let size = parameters.unwrap_or_default().binary_data_size;
        let values = match (size, data) {
            (Some(_), Some(_)) => {
                return Err(fail("data and binary_data_size: both found, expected one".to_owned()));
            }
            (None, None) => {
                return Err(fail(
                    "neither data nor binary_data_size found, expected one".to_owned(),
                ));
            }
            (Some(size), None) => {
                let fits = usize::try_from(size).ok().filter(|&size| size <= rest.len());
                let size = fits.ok_or_else(|| {
                    fail(format!("binary_data_size: {size} found, but {} bytes follow", rest.len()))
                })?;
                Given::Raw(rest.split_to(size))
            }
            (None, Some(data)) => given(&datatype, data).map_err(fail)?,
        };
        Ok(request::Input { name, datatype, shape, values })
    }
}

/// Values in JSON as their datatype has them.
fn given(datatype: &str, data: Flat) -> Result<Given, String> {
    let Flat { numbers, texts } = data;
    if datatype == "BYTES" {
        if !numbers.is_empty() {
            return Err("numbers found, expected texts: each file in base64".to_owned());
        }
        let decode = |(index, text): (usize, &String)| {
            let decoded = STANDARD.decode(text).map(Bytes::from);
            decoded.map_err(|error| {
                format!("element {index}: {error}, expected a file in base64 (or binary data)")
            })
        };
        return Ok(Given::Files(texts.iter().enumerate().map(decode).collect::<Result<_, _>>()?));
    }
    if !texts.is_empty() {
        return Err("texts found, expected numbers".to_owned());
    }
    if datatype != "UINT8" {
        #[expect(clippy::cast_possible_truncation, reason = "that is what FP32 is")]
        return Ok(Given::Floats(numbers.into_iter().map(|number| number as f32).collect()));
    }
    let byte = |(index, &number): (usize, &f64)| {
        let is_byte = (0.0..=255.0).contains(&number) && number.fract() == 0.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        let byte = is_byte.then_some(number as u8);
        byte.ok_or_else(|| {
            format!("value {index}: {number} found, expected a whole number from 0 to 255")
        })
    };
    Ok(Given::Bytes(numbers.iter().enumerate().map(byte).collect::<Result<_, _>>()?))
}

/// The body of an answer.
pub(super) fn response(response: &request::Response, form: &Form) -> Result<Response, Refusal> {
    let mut tensors = Vec::new();
    let outputs: Vec<Value> = response.outputs.iter().map(|output| {
        let mut told = json!({"name": output.name, "datatype": output.values.datatype(), "shape": [output.count]});
        if form.is_binary(output.name) {
            let raw = output.values.raw();
            told["parameters"] = json!({"binary_data_size": raw.len()});
            tensors.extend_from_slice(&raw);
        } else {
            told["data"] = output.values.json();
        }
        told
    }).collect();
    let mut whole = json!({"model_name": response.model, "model_version": crate::served::VERSION, "outputs": outputs});
    if !response.id.is_empty() {
        whole["id"] = json!(response.id);
    }
    let unwritten = |error| Refusal::new(Kind::Failed, format!("the answer as JSON: {error}"));
    let mut body = serde_json::to_vec(&whole).map_err(unwritten)?;
    let is_binary = response.outputs.iter().any(|output| form.is_binary(output.name));
    if !is_binary {
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    }
    let length = body.len().to_string();
    body.extend_from_slice(&tensors);
    let headers =
        [(header::CONTENT_TYPE.as_str(), "application/octet-stream"), (HEADER_LENGTH, &length)];
    Ok((headers, Body::from(body)).into_response())
}
