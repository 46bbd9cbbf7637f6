// The parts of libtorch's C++ interface that tch does not bind: freezing a
// module, fusing its convolutions, and running the resulting graph as it is.
//
// The graph is run by the interpreter alone, not by the profiling executor:
// that one rewrites the graph after a few calls, and the same input could then
// give other logits than before.

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>
#include <torch/csrc/jit/passes/inline_fork_wait.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/remove_mutation.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/script.h>

#include "../guarded.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace torch::jit;
using drs::copied;
using drs::guarded;

namespace {

// How convolutions are computed.
enum Lowering : int {
  kPlain = 0,  // as the module has them
  kCast = 1,   // plain, in bfloat16
  kFused = 2,  // CPU: packed weights, fused with the addition and ReLU behind
  kFusedCast = 3,
};

bool casts(int lowering) { return lowering == kCast || lowering == kFusedCast; }
bool fuses(int lowering) { return lowering == kFused || lowering == kFusedCast; }

struct Convolution {
  at::Tensor weight;
  std::optional<at::Tensor> bias;
  std::vector<int64_t> stride, padding, dilation;
  int64_t groups;
};

std::vector<int64_t> pair(const IValue& value) {
  auto list = value.toIntVector();
  if (list.size() == 1) list.push_back(list[0]);
  return list;
}

// The constants of a 2-d convolution, if all of them are constants.
std::optional<Convolution> convolution(Node* node) {
  const bool plain = node->matches(
      "aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, SymInt[2] "
      "padding=0, SymInt[2] dilation=1, SymInt groups=1) -> Tensor");
  const bool traced = node->kind() == aten::_convolution;
  if (!plain && !traced) return std::nullopt;
  for (const char* name : {"weight", "bias", "stride", "padding", "dilation", "groups"})
    if (!toIValue(node->namedInput(name))) return std::nullopt;
  const auto constant = [&](const char* name) { return *toIValue(node->namedInput(name)); };
  if (traced) {
    const auto transposed = toIValue(node->namedInput("transposed"));
    if (!transposed || transposed->toBool()) return std::nullopt;
  }
  Convolution found;
  found.weight = constant("weight").toTensor();
  if (found.weight.dim() != 4) return std::nullopt;
  if (!constant("bias").isNone()) found.bias = constant("bias").toTensor();
  found.stride = pair(constant("stride"));
  found.padding = pair(constant("padding"));
  found.dilation = pair(constant("dilation"));
  found.groups = constant("groups").toInt();
  return found;
}

// The only user of the node's output, if it is of this kind and has one output.
Node* only_user(Node* node, Symbol kind) {
  const auto& uses = node->output()->uses();
  if (uses.size() != 1 || uses[0].user->kind() != kind) return nullptr;
  // Inside the same block: not behind a branch.
  return uses[0].user->owningBlock() == node->owningBlock() ? uses[0].user : nullptr;
}

Value* cast(Graph& graph, Value* value, at::ScalarType type) {
  const auto constant = [&](IValue v) { return graph.insertConstant(std::move(v)); };
  Value* to = graph.insert(
      aten::to, {value, constant(static_cast<int64_t>(type)), constant(false), constant(false),
                 constant(IValue())});
  to->setType(TensorType::get());
  return to;
}

// oneDNN's convolution with what follows it; the second writes its sum over an input.
const char* const kPointwise = "mkldnn::_convolution_pointwise";
const char* const kPointwiseInto = "mkldnn::_convolution_pointwise_";

bool is_fused(const Node* node) {
  static const auto plain = Symbol::fromQualString(kPointwise);
  static const auto into = Symbol::fromQualString(kPointwiseInto);
  return node->kind() == plain || node->kind() == into;
}

// The value in the wanted type; fused convolutions give it already.
Value* in_type(Graph& graph, Value* value, at::ScalarType type) {
  return type == at::kFloat || is_fused(value->node()) ? value : cast(graph, value, type);
}

// Whether the sum of `add` may be written over `value` by a node in place of
// `last`: a fused convolution made the value, so nothing else is a view of it,
// and all who read it otherwise are fused convolutions that have run by then.
bool may_overwrite(const Value* value, const Node* add, const Node* last) {
  const Block* block = last->owningBlock();
  if (!is_fused(value->node()) || value->node()->owningBlock() != block) return false;
  for (const auto& use : value->uses()) {
    if (use.user == add) continue;
    if (use.user->owningBlock() != block || !is_fused(use.user) || !use.user->isBefore(last))
      return false;
  }
  return true;
}

// Whether a node of the module writes to a tensor.
bool writes(Block* block) {
  for (Node* node : block->nodes()) {
    const auto* schema = node->maybeSchema();
    if (schema != nullptr && schema->is_mutable()) return true;
    for (Block* inner : node->blocks())
      if (writes(inner)) return true;
  }
  return false;
}

// A convolution in oneDNN's own weight layout, with what follows it folded in
// where `folds` allows it.
void fuse(Graph& graph, Node* node, const Convolution& conv, at::ScalarType type, bool folds) {
  Node* last = node;
  Value* other = nullptr;
  Node* add = folds ? only_user(node, aten::add) : nullptr;
  if (add != nullptr) {
    Value* left = add->input(0);
    Value* right = add->input(1);
    Value* addend = left == node->output() ? right : left;
    const auto alpha = toIValue(add->input(2));
    const bool unit = alpha && alpha->isInt() && alpha->toInt() == 1;
    if (left != right && unit && addend->type()->isSubtypeOf(*TensorType::get())) {
      other = addend;
      last = add;
    } else {
      add = nullptr;
    }
  }
  Node* relu = folds ? only_user(last, aten::relu) : nullptr;
  if (relu != nullptr) last = relu;
  const bool into = other != nullptr && may_overwrite(other, add, last);

  WithInsertPoint here(last);
  const auto constant = [&](IValue v) { return graph.insertConstant(std::move(v)); };
  const auto text = [&](const char* v) { return constant(std::string(v)); };
  const auto none = [&] { return constant(IValue()); };
  static auto reorder = c10::Dispatcher::singleton().findSchemaOrThrow(
      "mkldnn::_reorder_convolution_weight", "");
  Stack stack{conv.weight.to(type).contiguous(), conv.padding, conv.stride, conv.dilation, conv.groups,
              IValue()};
  reorder.callBoxed(&stack);
  Node* packed = graph.insertNode(graph.create(prim::ConstantMKLDNNTensor));
  packed->t_(attr::value, stack[0].toTensor());
  packed->output()->setType(TensorType::get());

  std::vector<Value*> inputs{in_type(graph, node->namedInput("input"), type)};
  if (other != nullptr)
    inputs.insert(into ? inputs.begin() : inputs.end(), in_type(graph, other, type));
  inputs.push_back(packed->output());
  inputs.push_back(conv.bias ? constant(conv.bias->to(type)) : none());
  inputs.push_back(constant(conv.padding));
  inputs.push_back(constant(conv.stride));
  inputs.push_back(constant(conv.dilation));
  inputs.push_back(constant(conv.groups));
  if (other == nullptr) {
    inputs.push_back(text(relu != nullptr ? "relu" : "none"));
  } else {
    inputs.push_back(text("add"));
    inputs.push_back(none());
    inputs.push_back(relu != nullptr ? text("relu") : none());
  }
  Node* scalars = graph.insertNode(graph.createList(OptionalType::create(NumberType::get()), {}));
  inputs.push_back(scalars->output());
  inputs.push_back(text(""));
  const auto kind = Symbol::fromQualString(into ? kPointwiseInto : kPointwise);
  Node* fused = graph.insertNode(graph.create(kind, inputs, 1));
  fused->output()->setType(TensorType::get());
  last->output()->replaceAllUsesWith(fused->output());
  // At once, so that they no longer count as users of what they read.
  for (Node* replaced : {relu, add, node})
    if (replaced != nullptr) replaced->destroy();
}

// A plain convolution in bfloat16.
void cast_convolution(Graph& graph, Node* node, const Convolution& conv) {
  WithInsertPoint here(node);
  const auto half = at::kBFloat16;
  node->replaceInputWith(node->namedInput("input"), cast(graph, node->namedInput("input"), half));
  node->replaceInputWith(node->namedInput("weight"), graph.insertConstant(conv.weight.to(half)));
  if (conv.bias)
    node->replaceInputWith(node->namedInput("bias"), graph.insertConstant(conv.bias->to(half)));
}

// The input of a layer that stays in f32 where others are cast: the linear
// ones, as logits of eight bits would tie, and convolutions of other kinds.
const char* kept_input(const Node* node) {
  const auto kind = node->kind();
  if (kind == aten::addmm) return "mat1";
  for (const char* name : {"aten::linear", "aten::_convolution", "aten::_convolution_mode",
                           "aten::conv1d", "aten::conv2d", "aten::conv3d", "aten::conv_transpose1d",
                           "aten::conv_transpose2d", "aten::conv_transpose3d"})
    if (kind == Symbol::fromQualString(name)) return "input";
  return nullptr;
}

void lower(Graph& graph, Block* block, int lowering, bool folds) {
  const auto type = casts(lowering) ? at::kBFloat16 : at::kFloat;
  // Fusing removes nodes, but no other convolution or linear layer.
  std::vector<Node*> nodes;
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) lower(graph, inner, lowering, folds);
    if (kept_input(node) != nullptr) nodes.push_back(node);
  }
  for (Node* node : nodes) {
    if (const auto conv = convolution(node)) {
      if (fuses(lowering))
        fuse(graph, node, *conv, type, folds);
      else
        cast_convolution(graph, node, *conv);
    } else if (casts(lowering)) {
      WithInsertPoint here(node);
      Value* input = node->namedInput(kept_input(node));
      node->replaceInputWith(input, cast(graph, input, at::kFloat));
    }
  }
}

struct Network {
  Module module;
  std::shared_ptr<Graph> graph;
  Code code;
};

}  // namespace

extern "C" {

// Compiles `module` (a torch::jit::Module, as torch-sys holds it) for inference.
// On failure returns null and sets `error`, to be freed with drs_text_free.
void* drs_network_compile(void* module, int lowering, char** error) {
  return guarded(error, [&]() -> void* {
    auto network = std::make_unique<Network>();
    auto original = static_cast<Module*>(module)->clone();
    original.eval();
    network->module = freeze_module(original);
    auto graph = network->module.get_method("forward").graph()->copy();
    Inline(*graph);
    // What is forked would run on another thread, and there not on the calling thread's stream.
    InlineForkWait(graph);
    OptimizeFrozenGraph(graph, true);
    RemoveTensorMutation(graph);
    ConstantPropagation(graph);
    // Folding moves a convolution to where its result is used: not past a node
    // that may write to what it reads.
    const bool folds = !writes(graph->block());
    if (lowering != kPlain) lower(*graph, graph->block(), lowering, folds);
    EliminateDeadCode(graph);
    network->graph = graph;
    network->code = Code(graph, "forward");
    return network.release();
  });
}

// The output of the network for one batch, as a new tensor.
void* drs_network_run(const void* network, const void* input, bool channels_last, char** error) {
  return guarded(error, [&]() -> void* {
    const auto* compiled = static_cast<const Network*>(network);
    auto batch = *static_cast<const at::Tensor*>(input);
    if (channels_last) batch = batch.contiguous(at::MemoryFormat::ChannelsLast);
    Stack stack{compiled->module._ivalue(), std::move(batch)};
    InterpreterState(compiled->code).run(stack);
    if (stack.size() != 1 || !stack[0].isTensor())
      throw std::runtime_error("the output is not one tensor");
    return new at::Tensor(stack[0].toTensor());
  });
}

// The graph as text, for tests.
char* drs_network_describe(const void* network) {
  return copied(static_cast<const Network*>(network)->graph->toString(false));
}

void drs_network_free(void* network) { delete static_cast<Network*>(network); }

void drs_text_free(char* text) { std::free(text); }
}
