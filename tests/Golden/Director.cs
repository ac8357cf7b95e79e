using System.Text.Json;
using Forwarder.Abi;
using Forwarder.Api;
using Forwarder.Control;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Golden.Tests;

/// <summary>The whole way of a packet without ports: control's model and compiler, the worker's stages, the slow path.</summary>
public sealed unsafe class Director : IDisposable
{
    private readonly EngineRig _worker = new();
    private readonly SnapshotCompiler _compiler = new();
    private SlowPathRig? _slowPath;
    private IReadOnlyList<VrrpGroupModel> _groups = [];

    /// <summary>Compiles a configuration and puts it in force. Servers are at 02:ff:00:00:HH:LL of their next hop's slot.</summary>
    public void Configure(string json, bool resolved)
    {
        DesiredState state = JsonSerializer.Deserialize(json, ApiJson.Default.DesiredState)!;
        DirectorModel model = ModelBuilder.Build(state, new CheckedServices());
        SnapshotContent content = _compiler.Compile(model);
        _groups = model.VrrpGroups;
        _worker.Publish(content);
        if (resolved)
        {
            _worker.ResolveAll(content);
        }

        if (_slowPath == null)
        {
            _slowPath = new SlowPathRig(content);
        }
        else
        {
            _slowPath.Publish(content);
        }

        _slowPath.HasHost = state.Dataplane.Ports[0].Exception != null;
        _slowPath.Sent.Clear();   // announcements of a new VIP
    }

    /// <summary>Gives a VRRP group its lease, or ends it.</summary>
    public void SetOwned(string group, bool owned)
    {
        if (!_compiler.VrrpGroups.TryFind(_groups.Single(g => g.Name == group).Identity, out int number))
        {
            throw new ArgumentException($"VRRP group {group} has no number.", nameof(group));
        }

        _worker.Region.Leases[number] = _slowPath!.Region.Leases[number] = owned ? ulong.MaxValue : 0;
    }

    /// <summary>What becomes of a frame, a line for each thing.</summary>
    public IEnumerable<string> Take(int port, byte[] frame, bool checksumBad)
    {
        _worker.PortFindsChecksumBad = checksumBad;
        _worker.Run(port, frame);
        switch (_worker.Burst->VerdictOf(0))
        {
            case Verdict.Forward:
                return [Sent(_worker.Burst->Egress[0], _worker.Frame(0).ToArray())];
            case Verdict.Drop:
                return [$"drop {(DropReason)_worker.Burst->Reason[0]}"];
            case Verdict.Wait:
                return ["wait"];
            case Verdict.Refuse:
                return Handed(frame, s => s.Refuse(_worker.Frame(0).ToArray(), (DropReason)_worker.Burst->Reason[0], (int)_worker.Burst->NextHop[0], port));
            default:
                return Handed(frame, s => s.Punt(frame, port));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _worker.Dispose();
        _slowPath?.Dispose();
    }

    private List<string> Handed(byte[] frame, Action<SlowPathRig> hand)
    {
        _slowPath!.Sent.Clear();
        _slowPath.Drops.Clear();
        _slowPath.ToTheHost.Clear();
        hand(_slowPath);
        return
        [
            .. _slowPath.Sent.Select(s => Sent(s.Port, s.Frame)),
            .. _slowPath.ToTheHost.Select(f => f.AsSpan().SequenceEqual(frame) ? "host" : $"host, changed: {Convert.ToHexString(f)}"),
            .. _slowPath.Drops.Select(d => $"drop {d}"),
        ];
    }

    private static string Sent(int port, byte[] frame) => $"port {port}: {Convert.ToHexString(frame).ToLowerInvariant()}";
}
