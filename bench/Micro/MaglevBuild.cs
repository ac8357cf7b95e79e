using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using Forwarder.Abi;

namespace Forwarder.Micro;

/// <summary>Building a Maglev table of 65,537 entries for 1,000 servers, in C# and by the same algorithm in C.</summary>
[MinColumn, MedianColumn]
public unsafe class MaglevBuild
{
    private readonly MaglevMember[] _members = new MaglevMember[1000];
    private readonly NativeMember[] _native = new NativeMember[1000];
    private delegate* unmanaged<NativeMember*, uint, ushort*, uint, int> _build;

    [StructLayout(LayoutKind.Sequential)]
    private struct NativeMember
    {
        public ulong Identity;
        public uint Weight;
    }

    /// <summary>All weights 1, or 1 to 4.</summary>
    [Params(1, 4)]
    public int WeightMax { get; set; }

    /// <summary>Makes the members and loads the C function.</summary>
    /// <exception cref="InvalidOperationException">The two tables differ.</exception>
    [GlobalSetup]
    public void Setup()
    {
        for (int i = 0; i < _members.Length; i++)
        {
            _members[i] = new MaglevMember(Hashes.Mix64((ulong)i), (uint)(1 + (i % WeightMax)));
            _native[i] = new NativeMember { Identity = _members[i].Identity, Weight = _members[i].Weight };
        }

        _build = (delegate* unmanaged<NativeMember*, uint, ushort*, uint, int>)NativeLibrary.GetExport(NativeLibrary.Load(Repository.Native("libforwarder_bench.so")), "bench_maglev_build");
        if (!CSharp().AsSpan().SequenceEqual(C()))
        {
            throw new InvalidOperationException("C# and C build different tables.");
        }
    }

    /// <summary>The same algorithm in C, -O3.</summary>
    [Benchmark(Baseline = true)]
    public ushort[] C()
    {
        ushort[] table = new ushort[Limits.MaglevTableSizeDefault];
        fixed (ushort* to = table)
        fixed (NativeMember* from = _native)
        {
            _ = _build(from, (uint)_native.Length, to, (uint)table.Length);
        }

        return table;
    }

    /// <summary>What control does.</summary>
    [Benchmark]
    public ushort[] CSharp() => MaglevTable.Build(_members, Limits.MaglevTableSizeDefault);
}
