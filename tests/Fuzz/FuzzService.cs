using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>A virtual service as the second reading knows it.</summary>
/// <param name="Rejects">Whether clients are told when it has no server for them.</param>
public sealed record FuzzService(int Slot, byte[] Vip, int Port, byte Protocol, Scheduler Scheduler, FuzzServer[] Servers, bool Rejects)
{
    /// <summary>Connections at which it takes no new ones, 0 = no limit.</summary>
    public int ConnectionsMax { get; set; }
}
