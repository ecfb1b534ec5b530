"""
Memory by address for Numba functions: read, write, share between threads, call.

Own code, because Numba reads memory through arrays, which take 160 ns each to pass
(docs/decisions/0007-cpu-kernel.md), and has no atomic integers on a CPU.
"""

import sys
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from fff.kernels.cpu.simd_ir import F32, I32, I64, Builder, Value

STACK_BYTES = 2048
CPUS_BYTES = 128
"""A mask of 1,024 processors, the C library's own."""
_LINUX = sys.platform == "linux"
_F64 = ir.DoubleType()


def _reader(kind: Any, native: Any) -> Callable[[int], Any]:
    def codegen(context: Any, b: Builder, signature: Any, args: Any) -> Value:
        return b.load(b.inttoptr(args[0], kind.as_pointer()), align=4)

    def read(typingctx: Any, address: int) -> Any:
        return native(types.int64), codegen

    compiled: Callable[[int], Any] = intrinsic(read)
    return compiled


def _writer(kind: Any, native: Any) -> Callable[[int, Any], None]:
    def codegen(context: Any, b: Builder, signature: Any, args: Any) -> Value:
        b.store(args[1], b.inttoptr(args[0], kind.as_pointer()), align=4)
        return context.get_dummy_value()

    def write(typingctx: Any, address: int, value: Any) -> Any:
        return types.void(types.int64, native), codegen

    compiled: Callable[[int, Any], None] = intrinsic(write)
    return compiled


get_f32, put_f32 = _reader(F32, types.float32), _writer(F32, types.float32)
get_f64, put_f64 = _reader(_F64, types.float64), _writer(_F64, types.float64)
get_i32, put_i32 = _reader(I32, types.int32), _writer(I32, types.int32)
get_i64, put_i64 = _reader(I64, types.int64), _writer(I64, types.int64)


def _stack(typingctx: Any) -> Any:
    """Reserve STACK_BYTES in the frame of the calling function, from a cache line on."""

    def codegen(context: Any, b: Builder, signature: Any, args: Any) -> Value:
        with b.goto_entry_block():
            block = b.alloca(ir.IntType(8), size=STACK_BYTES)
            block.align = 64
        return b.ptrtoint(block, I64)

    return types.int64(), codegen


def _fetch_add(typingctx: Any, address: int, value: int) -> Any:
    """Add for all threads to see; returns what was there before."""

    def codegen(context: Any, b: Builder, signature: Any, args: Any) -> Value:
        return b.atomic_rmw("add", b.inttoptr(args[0], I64.as_pointer()), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


def _get_shared(typingctx: Any, address: int) -> Any:
    """Read what another thread may write."""

    def codegen(context: Any, b: Builder, signature: Any, args: Any) -> Value:
        return b.load_atomic(b.inttoptr(args[0], I64.as_pointer()), "seq_cst", 8)

    return types.int64(types.int64), codegen


def _put_shared(typingctx: Any, address: int, value: int) -> Any:
    """Write for another thread to read, after everything written before."""

    def codegen(context: Any, b: Builder, signature: Any, args: Any) -> Value:
        b.store_atomic(args[1], b.inttoptr(args[0], I64.as_pointer()), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def _pause(typingctx: Any) -> Any:
    """Tell the processor that this thread only waits."""

    def codegen(context: Any, b: Builder, signature: Any, args: Any) -> Value:
        if b.module.triple.startswith("x86_64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            b.call(cgutils.get_or_insert_function(b.module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), codegen


def _this_cpu(typingctx: Any) -> Any:
    """Number of the processor that runs this thread; -1 where the system does not report it."""

    def codegen(context: Any, b: Builder, signature: Any, args: Any) -> Value:
        if not _LINUX:
            return I64(-1)
        function = ir.FunctionType(I32, [])
        name = "sched_getcpu"
        return b.sext(b.call(cgutils.get_or_insert_function(b.module, function, name), []), I64)

    return types.int64(), codegen


def _affinity(name: str) -> Callable[[int], None]:
    """`sched_getaffinity` or `sched_setaffinity` of this thread; the mask lies at `address`."""

    def codegen(context: Any, b: Builder, signature: Any, args: Any) -> Value:
        if _LINUX:
            mask = b.inttoptr(args[0], ir.IntType(8).as_pointer())
            kind = ir.FunctionType(I32, [I32, I64, mask.type])
            function = cgutils.get_or_insert_function(b.module, kind, name)
            b.call(function, [I32(0), I64(CPUS_BYTES), mask])
        return context.get_dummy_value()

    def affinity(typingctx: Any, address: int) -> Any:
        return types.void(types.int64), codegen

    compiled: Callable[[int], None] = intrinsic(affinity)
    return compiled


def _call(typingctx: Any, function: int, a: int, b: int, c: int, d: int) -> Any:
    """
    Call a compiled function of four int64s, which returns one, by its address.

    A plain call would have Numba optimise the callee again inside every caller.
    """

    def codegen(context: Any, builder: Builder, signature: Any, args: Any) -> Value:
        kind = ir.FunctionType(I64, [I64] * 4)
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(*[types.int64] * 5), codegen


pause: Callable[[], None] = intrinsic(_pause)
stack: Callable[[], int] = intrinsic(_stack)
fetch_add: Callable[[int, int], int] = intrinsic(_fetch_add)
get_shared: Callable[[int], int] = intrinsic(_get_shared)
put_shared: Callable[[int, int], None] = intrinsic(_put_shared)
call: Callable[[int, int, int, int, int], int] = intrinsic(_call)
this_cpu: Callable[[], int] = intrinsic(_this_cpu)
get_cpus, set_cpus = _affinity("sched_getaffinity"), _affinity("sched_setaffinity")
