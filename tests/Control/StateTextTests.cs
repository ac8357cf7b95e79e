using System.Text.Json;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>What is written piece by piece is the whole state.</summary>
public sealed class StateTextTests
{
    [Fact]
    public void WhatIsWrittenIsTheState()
    {
        StateText text = new();
        DesiredState state = States.WithServices(2, 0, 3) with { Timeouts = new TimeoutSettings { UdpS = 17 } };
        state = state with { Services = [.. state.Services, States.Service(9, 1) with { Scheduler = "mh", MaglevTableSize = 251, Address = "fd16::100", Servers = [new RealServer { Address = "fd16::7", Weight = 5, Port = 80 }] }] };
        for (int time = 0; time < 2; time++)   // the second time from what is kept
        {
            DesiredState read = JsonSerializer.Deserialize(Written(text, state), ApiJson.Default.DesiredState)!;
            Assert.Equal(JsonSerializer.Serialize(state, ApiJson.Default.DesiredState), JsonSerializer.Serialize(read, ApiJson.Default.DesiredState));
        }
    }

    [Fact]
    public void AServiceIsALine()
    {
        string[] lines = Written(new StateText(), States.WithServices(2, 3)).Split('\n');
        Assert.Equal(2, lines.Count(l => l.Contains("172.17.0.", StringComparison.Ordinal)));
        Assert.All(lines.Where(l => l.Contains("172.17.0.", StringComparison.Ordinal)), l => Assert.StartsWith("    {\"protocol\":\"tcp\"", l, StringComparison.Ordinal));
    }

    [Fact]
    public void TheETagTellsStatesApart()
    {
        StateText text = new();
        DesiredState state = States.WithServices(2, 3);
        VirtualService first = state.Services[0];
        DesiredState[] others =
        [
            state with { Services = [first] },
            state with { Services = [state.Services[1], first] },
            state with { Services = [first with { Scheduler = "mh" }, state.Services[1]] },
            state with { Services = [first with { Servers = [first.Servers[0] with { Weight = 2 }, first.Servers[1]] }, state.Services[1]] },
            state with { Timeouts = state.Timeouts with { UdpS = 299 } },
            state with { Dataplane = state.Dataplane with { Idle = "spin" } },
            state with { Interfaces = [state.Interfaces[0] with { Vlan = 5 }] },
        ];
        Assert.Equal(others.Length + 1, others.Prepend(state).Select(text.ETagOf).Distinct().Count());
        Assert.All(others.Prepend(state), s => Assert.Equal(text.ETagOf(s), new StateText().ETagOf(Copy(s))));
    }

    private static DesiredState Copy(DesiredState state) => JsonSerializer.Deserialize(JsonSerializer.Serialize(state, ApiJson.Default.DesiredState), ApiJson.Default.DesiredState)!;

    private static string Written(StateText text, DesiredState state)
    {
        using MemoryStream stream = new();
        text.Write(stream, state);
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }
}
