//! The stack machine: opcodes of the protocols 0 to 5, less those that only
//! code or other programs need.

use std::collections::HashMap;

use super::bytes::Bytes;
use super::call;
use super::globals::{self, Global};
use super::operands::{decimal, long, pairs, place, take4, take8, text_or_bytes};
use super::value::{Heap, Id, Value};

/// Runs the pickle at the position, which moves to its end.
pub(crate) fn load<'a>(bytes: &mut Bytes<'a>) -> Result<(Heap<'a>, Id), String> {
    let mut machine = Machine::default();
    loop {
        let at = bytes.at();
        let code = bytes.byte()?;
        if code == b'.' {
            let root = machine.pop().map_err(|problem| broken(bytes, at, &problem))?;
            return Ok((machine.heap, root));
        }
        machine.step(code, bytes).map_err(|problem| match problem {
            Problem::Plain(problem) => problem,
            Problem::Broken(problem) => broken(bytes, at, &problem),
        })?;
    }
}

fn broken(bytes: &Bytes<'_>, at: usize, problem: &str) -> String {
    format!("{} is broken at byte {at}: {problem}", bytes.what())
}

/// What stops the machine.
enum Problem {
    /// Says all itself.
    Plain(String),
    /// Wants to be told where it is.
    Broken(String),
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Plain(problem)
    }
}

#[derive(Default)]
struct Machine<'a> {
    heap: Heap<'a>,
    stack: Vec<Id>,
    /// Lengths of the stack where a list of operands begins.
    marks: Vec<usize>,
    /// By name and not a list: the file chooses the numbers.
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn step(&mut self, code: u8, bytes: &mut Bytes<'a>) -> Result<(), Problem> {
        let value = match code {
            // PROTO, FRAME: how it was written does not matter.
            0x80 => {
                let [protocol] = bytes.array()?;
                if protocol > 5 {
                    return Err(Problem::Broken(format!(
                        "its protocol is {protocol}, expected at most 5"
                    )));
                }
                return Ok(());
            }
            0x95 => {
                bytes.array::<8>()?;
                return Ok(());
            }
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(i128::from(bytes.byte()?)),
            b'M' => Value::Int(i128::from(u16::from_le_bytes(bytes.array()?))),
            b'J' => Value::Int(i128::from(i32::from_le_bytes(bytes.array()?))),
            0x8a => {
                let count = bytes.byte()?;
                long(bytes.take(usize::from(count))?)
            }
            0x8b => long(take4(bytes)?),
            b'I' | b'L' => decimal(bytes.line()?).map_err(Problem::Broken)?,
            b'G' => {
                bytes.array::<8>()?;
                Value::Float
            }
            b'F' => {
                bytes.line()?;
                Value::Float
            }
            0x8c => {
                let count = bytes.byte()?;
                let text = bytes.take(usize::from(count))?;
                Value::Str(bytes.utf8(text)?)
            }
            b'X' => {
                let text = take4(bytes)?;
                Value::Str(bytes.utf8(text)?)
            }
            0x8d => {
                let text = take8(bytes)?;
                Value::Str(bytes.utf8(text)?)
            }
            // Python 2's str, which is text or bytes.
            b'U' => {
                let count = bytes.byte()?;
                text_or_bytes(bytes.take(usize::from(count))?)
            }
            b'T' => text_or_bytes(take4(bytes)?),
            b'C' => {
                let count = bytes.byte()?;
                Value::Bytes(bytes.take(usize::from(count))?)
            }
            b'B' => Value::Bytes(take4(bytes)?),
            0x8e => Value::Bytes(take8(bytes)?),
            // A bytearray.
            0x96 => Value::Bytes(take8(bytes)?),
            b'c' => Value::Global(globals::find(bytes.line()?, bytes.line()?)?),
            // INST: a class, to be called at once. No checkpoint has one.
            b'i' => {
                let (module, name) = (bytes.line()?, bytes.line()?);
                globals::find(module, name)?;
                return Err(Problem::Broken("an object of protocol 0".to_owned()));
            }
            b')' => Value::Tuple(Vec::new()),
            b']' => Value::List(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            0x8f => Value::Opaque("set"),
            _ => return self.operate(code, bytes),
        };
        let id = self.heap.push(value)?;
        self.stack.push(id);
        Ok(())
    }

    /// The opcodes that work on the stack or the memo.
    fn operate(&mut self, code: u8, bytes: &mut Bytes<'a>) -> Result<(), Problem> {
        match code {
            b'(' => self.marks.push(self.stack.len()),
            // POP removes a mark where there is nothing above it.
            b'0' if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            b'0' => drop(self.pop().map_err(Problem::Broken)?),
            b'1' => drop(self.marked().map_err(Problem::Broken)?),
            b'q' => {
                let place = bytes.byte()?;
                self.memorise(u32::from(place)).map_err(Problem::Broken)?;
            }
            b'r' => {
                let place = u32::from_le_bytes(bytes.array()?);
                self.memorise(place).map_err(Problem::Broken)?;
            }
            b'p' => {
                let place = place(bytes.line()?).map_err(Problem::Broken)?;
                self.memorise(place).map_err(Problem::Broken)?;
            }
            0x94 => {
                let place = u32::try_from(self.memo.len()).map_err(|e| e.to_string())?;
                self.memorise(place).map_err(Problem::Broken)?;
            }
            b'h' => {
                let place = bytes.byte()?;
                self.recall(u32::from(place)).map_err(Problem::Broken)?;
            }
            b'j' => {
                let place = u32::from_le_bytes(bytes.array()?);
                self.recall(place).map_err(Problem::Broken)?;
            }
            b'g' => {
                let place = place(bytes.line()?).map_err(Problem::Broken)?;
                self.recall(place).map_err(Problem::Broken)?;
            }
            0x93 => {
                let (name, module) = self.pop2().map_err(Problem::Broken)?;
                let (Some(module), Some(name)) = (self.heap.str(module), self.heap.str(name))
                else {
                    return Err(Problem::Broken("a global whose name is no text".to_owned()));
                };
                self.push(Value::Global(globals::find(module, name)?))?;
            }
            _ => self.compose(code).map_err(Problem::Broken)?,
        }
        Ok(())
    }

    /// The opcodes that make values of values.
    fn compose(&mut self, code: u8) -> Result<(), String> {
        match code {
            b'2' => {
                let top = self.pop()?;
                self.stack.extend([top, top]);
                Ok(())
            }
            0x85 => {
                let a = self.pop()?;
                self.push(Value::Tuple(vec![a]))
            }
            0x86 => {
                let (b, a) = self.pop2()?;
                self.push(Value::Tuple(vec![a, b]))
            }
            0x87 => {
                let (c, b) = self.pop2()?;
                let a = self.pop()?;
                self.push(Value::Tuple(vec![a, b, c]))
            }
            b't' => {
                let items = self.marked()?;
                self.push(Value::Tuple(items))
            }
            b'l' => {
                let items = self.marked()?;
                self.push(Value::List(items))
            }
            b'd' => {
                let items = self.marked()?;
                self.push(Value::Dict(pairs(&items)?))
            }
            0x91 => {
                self.marked()?;
                self.push(Value::Opaque("frozenset"))
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])
            }
            // APPENDS, ADDITEMS
            b'e' | 0x90 => {
                let items = self.marked()?;
                self.append(&items)
            }
            b's' => {
                let (value, key) = self.pop2()?;
                self.insert(&[key, value])
            }
            b'u' => {
                let items = self.marked()?;
                self.insert(&items)
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                call::build(&mut self.heap, object, state)
            }
            b'R' => {
                let (args, function) = self.pop2()?;
                let result = call::reduce(&mut self.heap, function, args)?;
                self.stack.push(result);
                Ok(())
            }
            0x81 => {
                let (args, class) = self.pop2()?;
                self.new_object(class, args)
            }
            0x92 => {
                let (_keywords, args) = self.pop2()?;
                let class = self.pop()?;
                self.new_object(class, args)
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = call::persistent(&mut self.heap, id)?;
                self.stack.push(storage);
                Ok(())
            }
            _ => Err(format!(
                "the opcode 0x{code:02x}, which neither torch.save nor pickle with a protocol from 1 to 5 writes: the file is damaged, or must be written again (pickle.dump(..., protocol=4))"
            )),
        }
    }

    /// An object of a class, before its attributes: only of those without meaning.
    fn new_object(&mut self, class: Id, args: Id) -> Result<(), String> {
        match self.heap.get(class) {
            Value::Global(Global::Opaque(_) | Global::OrderedDict) => {
                let object = call::reduce(&mut self.heap, class, args)?;
                self.stack.push(object);
                Ok(())
            }
            other => Err(format!("an object is made of {}", self.heap.describe(other))),
        }
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), String> {
        let id = self.heap.push(value)?;
        self.stack.push(id);
        Ok(())
    }

    fn top(&self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(top) if self.stack.len() > floor => Ok(*top),
            _ => Err("an operand is missing".to_owned()),
        }
    }

    fn pop(&mut self) -> Result<Id, String> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// The top and the one below it.
    fn pop2(&mut self) -> Result<(Id, Id), String> {
        Ok((self.pop()?, self.pop()?))
    }

    /// All operands above the last mark.
    fn marked(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or("a mark is missing")?))
    }

    fn append(&mut self, items: &[Id]) -> Result<(), String> {
        let target = self.top()?;
        match self.heap.get_mut(target) {
            Some(Value::List(list)) => list.extend_from_slice(items),
            Some(Value::Opaque(_)) => {}
            _ => return Err("items are added to something other than a list or set".to_owned()),
        }
        Ok(())
    }

    fn insert(&mut self, items: &[Id]) -> Result<(), String> {
        let target = self.top()?;
        let entries = pairs(items)?;
        match self.heap.get_mut(target) {
            Some(Value::Dict(dict)) => dict.extend_from_slice(&entries),
            Some(Value::Opaque(_)) => {}
            _ => return Err("entries are set on something other than a dict".to_owned()),
        }
        Ok(())
    }

    fn memorise(&mut self, place: u32) -> Result<(), String> {
        let top = self.top()?;
        if self.memo.len() >= Heap::MOST {
            return Err("it memorises more than any checkpoint needs".to_owned());
        }
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), String> {
        let value =
            self.memo.get(&place).ok_or_else(|| format!("nothing is memorised as {place}"))?;
        self.stack.push(*value);
        Ok(())
    }
}
