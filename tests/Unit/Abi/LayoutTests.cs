using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Forwarder.Abi;

namespace Forwarder.Unit.Tests.Abi;

/// <summary>The bytes both processes share: sizes and places that must not change without a new version.</summary>
public sealed class LayoutTests
{
    public static TheoryData<Type> Structs { get; } =
    [
        typeof(InterfaceEntry), typeof(LocalAddress4Entry), typeof(LocalAddress6Entry), typeof(ServiceKey4Entry), typeof(ServiceKey6Entry), typeof(ServiceEntry),
        typeof(ServerEntry), typeof(NextHopEntry), typeof(TargetEntry), typeof(ServerKey4Entry), typeof(ServerKey6Entry), typeof(VirtualMacEntry), typeof(RegionHeader), typeof(ProcessBlock), typeof(PortBlock), typeof(WorkerBlock), typeof(ServerCounters), typeof(FlowQueryBlock), typeof(FlowRecord), typeof(SourceEntry), typeof(SnatRuleEntry), typeof(SnatRangeEntry), typeof(SnatSetEntry), typeof(SourceCounters), typeof(ServiceCounters),
    ];

    private static readonly Type[] s_fingerprinted =
    [
        .. ((IEnumerable<object[]>)Structs).Select(row => (Type)row[0]), typeof(SnapshotHeader), typeof(Section), typeof(FlowTimeouts), typeof(WorkerCounters), typeof(SlowPathCounters), typeof(PortBlock.Xstat),
    ];

    [Theory]
    [MemberData(nameof(Structs))]
    public void TheDeclaredSizeIsTheRealOne(Type type)
    {
        int declared = (int)type.GetField("SizeBytes", BindingFlags.Public | BindingFlags.Static)!.GetRawConstantValue()!;
        MethodInfo sizeOf = typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type);
        Assert.Equal(declared, sizeOf.Invoke(null, null));
    }

    /// <summary>A fingerprint of every field's place: if it changes, raise the version of the region or snapshot, then update it here.</summary>
    [Fact]
    public void AChangedLayoutNeedsANewVersion()
    {
        string fields = string.Join('\n', s_fingerprinted.SelectMany(Describe)) + $"\nregion {RegionHeader.CurrentVersion}, snapshot {SnapshotHeader.CurrentVersion}";
        File.WriteAllText(Path.Combine(AppContext.BaseDirectory, "Abi", "layout.actual.txt"), fields + "\n");
        string expected = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Abi", "layout.txt")).TrimEnd();
        Assert.Equal(expected, fields);
    }

    [Fact]
    public void PartsOfTheRegionDoNotOverlap()
    {
        RegionLayout layout = new(3, 1 << 20);
        long[] starts =
        [
            0, RegionLayout.ProcessOffset, RegionLayout.FlowQueryOffset, RegionLayout.PortsOffset, RegionLayout.NeighboursOffset, RegionLayout.LeasesOffset, RegionLayout.WorkersOffset,
            layout.ServerCountersOffset, layout.SourceCountersOffset, layout.ServiceCountersOffset, layout.OtherConnectionsOffset, layout.SnapshotsOffset, layout.TotalBytes,
        ];
        long[] sizes =
        [
            RegionHeader.SizeBytes, ProcessBlock.SizeBytes, FlowQueryBlock.SizeBytes, (long)PortBlock.SizeBytes * Limits.PortsMax, sizeof(ulong) * (long)Limits.NextHopsMax, sizeof(ulong) * (long)Limits.VrrpGroupsMax,
            3L * WorkerBlock.SizeBytes, 3L * Limits.ServersMax * ServerCounters.SizeBytes, 3L * Limits.SourcesMax * SourceCounters.SizeBytes, 3L * Limits.ServicesMax * ServiceCounters.SizeBytes, 3L * OtherConnections.Words * sizeof(uint), 3L << 20,
        ];
        for (int i = 0; i < sizes.Length; i++)
        {
            Assert.Equal(starts[i] + sizes[i], starts[i + 1]);
            Assert.Equal(0, starts[i] % 4096);
        }
    }

    private static IEnumerable<string> Describe(Type type) => type.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)
        .Select(f => $"{type.Name}.{f.Name} {Marshal.OffsetOf(type, f.Name)}")
        .Order(StringComparer.Ordinal);
}
