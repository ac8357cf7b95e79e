using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>A virtual service as the second reading knows it.</summary>
public sealed record FuzzService(int Slot, byte[] Vip, int Port, byte Protocol, Scheduler Scheduler, FuzzServer[] Servers);
