//! The only names of Python that a pickle may ask for. None of them is code
//! here: each is a word that `call` knows, or knows to be without meaning.

use crate::error::shown;
use crate::tensor::Dtype;

/// A name on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Global {
    OrderedDict,
    /// `torch.Size`: a tuple.
    Size,
    /// `_rebuild_tensor` and `_rebuild_tensor_v2`.
    Tensor,
    /// `_rebuild_parameter` and `_rebuild_parameter_with_state`.
    Parameter,
    /// A class of storages.
    Storage(Dtype),
    /// `numpy.core.multiarray._reconstruct`: an array that gets its state later.
    Array,
    /// `numpy.core.numeric._frombuffer`: an array of bytes that are there already.
    FromBuffer,
    /// `_codecs.encode`: how protocols below 3 write bytes, as text of the same code points.
    Encode,
    /// A class or function whose values are harmless and not needed: they are
    /// neither built nor kept.
    Opaque(&'static str),
}

pub(crate) fn find(module: &str, name: &str) -> Result<Global, String> {
    Ok(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch", "Size") => Global::Size,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::Tensor,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            Global::Parameter
        }
        ("torch", "DoubleStorage") => Global::Storage(Dtype::F64),
        ("torch", "FloatStorage") => Global::Storage(Dtype::F32),
        ("torch", "HalfStorage") => Global::Storage(Dtype::F16),
        ("torch", "BFloat16Storage") => Global::Storage(Dtype::BF16),
        ("torch", "LongStorage") => Global::Storage(Dtype::I64),
        ("torch", "IntStorage") => Global::Storage(Dtype::I32),
        ("torch", "ShortStorage") => Global::Storage(Dtype::I16),
        ("torch", "CharStorage") => Global::Storage(Dtype::I8),
        ("torch", "ByteStorage") | ("torch.storage", "UntypedStorage") => {
            Global::Storage(Dtype::U8)
        }
        ("torch", "BoolStorage") => Global::Storage(Dtype::Bool),
        // Tensors of types without a storage class (uint16, float8): described
        // by bytes, so that they can be passed over where they are not needed.
        ("torch._utils", "_rebuild_tensor_v3") => {
            Global::Opaque("Tensor (uint16, float8 or another rare dtype)")
        }
        ("torch", "device") => Global::Opaque("torch.device"),
        (
            "torch",
            "float64" | "float32" | "float16" | "bfloat16" | "int64" | "int32" | "int16" | "int8"
            | "uint8" | "uint16" | "uint32" | "uint64" | "bool" | "complex64" | "complex128"
            | "float8_e4m3fn" | "float8_e5m2",
        ) => Global::Opaque("torch.dtype"),
        ("numpy", "dtype") => Global::Opaque("numpy.dtype"),
        ("numpy", "ndarray") => Global::Opaque("numpy.ndarray"),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => {
            Global::Opaque("numpy scalar")
        }
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Global::Array,
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Global::FromBuffer,
        ("_codecs", "encode") => Global::Encode,
        ("builtins" | "__builtin__", "set") => Global::Opaque("set"),
        ("builtins" | "__builtin__", "frozenset") => Global::Opaque("frozenset"),
        ("builtins" | "__builtin__", "bytearray") => Global::Opaque("bytearray"),
        ("builtins" | "__builtin__", "bytes") => Global::Opaque("bytes"),
        ("builtins" | "__builtin__", "complex") => Global::Opaque("complex"),
        // Schedulers keep milestones in one; defaultdict needs a factory, such as these.
        ("collections", "Counter") => Global::Opaque("Counter"),
        ("collections", "defaultdict") => Global::Opaque("defaultdict"),
        ("builtins" | "__builtin__", "list" | "dict" | "int" | "float") => {
            Global::Opaque("a class")
        }
        ("argparse", "Namespace") => Global::Opaque("argparse.Namespace"),
        _ => match settings(module, name) {
            Some(class) => Global::Opaque(class),
            None => return Err(refusal(module, name)),
        },
    })
}

/// Classes of settings that training frameworks keep beside the weights (`hyper_parameters`,
/// `args`, `cfg`): they are neither built nor kept.
fn settings(module: &str, name: &str) -> Option<&'static str> {
    let package = module.split('.').next().unwrap_or(module);
    Some(match (package, name) {
        ("pytorch_lightning" | "lightning" | "lightning_fabric", "AttributeDict") => {
            "AttributeDict"
        }
        ("omegaconf", "DictConfig" | "ListConfig") => "omegaconf config",
        ("omegaconf", "ContainerMetadata" | "Metadata") => "omegaconf metadata",
        (
            "omegaconf",
            "AnyNode" | "StringNode" | "IntegerNode" | "FloatNode" | "BooleanNode" | "PathNode",
        ) => "omegaconf node",
        ("typing", "Any" | "Dict" | "List" | "Union" | "Optional") => "a type",
        ("yacs", "CfgNode") | ("fvcore", "CfgNode") => "CfgNode",
        ("easydict", "EasyDict") => "EasyDict",
        (
            "pathlib",
            "Path" | "PosixPath" | "WindowsPath" | "PurePath" | "PurePosixPath" | "PureWindowsPath",
        ) => "pathlib.Path",
        ("datetime", "datetime" | "date" | "time" | "timedelta") => "a time",
        _ => return None,
    })
}

fn refusal(module: &str, name: &str) -> String {
    format!(
        "it holds code: {}.{}; a checkpoint of tensors has no need of it, so it was not run and the file is refused (if you trust the file, load it in Python and save its state_dict with torch.save or as safetensors)",
        shown(module),
        shown(name)
    )
}
