using System.Runtime.InteropServices;

namespace Forwarder.Fuzz.Tests;

/// <summary>Memory that ends where the next page may not be touched: one byte read too many kills the process.</summary>
public sealed unsafe partial class GuardedMemory : IDisposable
{
    private const int ProtectNone = 0, ProtectRead = 1, ProtectWrite = 2, MapPrivate = 2, MapAnonymous = 0x20;

    private readonly nint _start;
    private readonly nint _guard;
    private readonly nint _mapped;

    /// <summary>So many bytes at least.</summary>
    public GuardedMemory(int bytes)
    {
        nint page = Environment.SystemPageSize;
        nint usable = (bytes + page - 1) / page * page;
        _mapped = usable + page;
        _start = Map(0, _mapped, ProtectRead | ProtectWrite, MapPrivate | MapAnonymous, -1, 0);
        _guard = _start + usable;
        if (_start == -1 || Protect(_guard, page, ProtectNone) != 0)
        {
            throw new InvalidOperationException($"No guarded memory: errno {Marshal.GetLastPInvokeError()}.");
        }
    }

    /// <summary>Copies the bytes so that they end at the guard; returns where they begin.</summary>
    /// <exception cref="ArgumentException">More bytes than there is room for: they would begin before the memory.</exception>
    public byte* Place(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _guard - _start)
        {
            throw new ArgumentException($"{bytes.Length} bytes where {_guard - _start} have room.", nameof(bytes));
        }

        byte* at = (byte*)_guard - bytes.Length;
        bytes.CopyTo(new Span<byte>(at, bytes.Length));
        return at;
    }

    /// <inheritdoc/>
    public void Dispose() => _ = Unmap(_start, _mapped);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(nint address, nint bytes, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nint bytes);
}
