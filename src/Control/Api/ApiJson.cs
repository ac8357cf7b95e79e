using System.Text.Json.Serialization;

namespace Forwarder.Api;

/// <summary>JSON of the API (source-generated, which keeps a property's default only if it has a setter): camelCase; unknown members in requests are refused, nulls are left out of answers.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(DesiredState))]
[JsonSerializable(typeof(VirtualService))]
[JsonSerializable(typeof(RealServer))]
[JsonSerializable(typeof(ServiceChange))]
[JsonSerializable(typeof(ServiceTimeouts))]
[JsonSerializable(typeof(RealServerChange))]
[JsonSerializable(typeof(ServiceList))]
[JsonSerializable(typeof(ServiceView))]
[JsonSerializable(typeof(RealServerView))]
[JsonSerializable(typeof(IReadOnlyList<RealServerView>))]
[JsonSerializable(typeof(ChangeResult))]
[JsonSerializable(typeof(IReadOnlyList<PortView>))]
[JsonSerializable(typeof(IReadOnlyList<WorkerView>))]
[JsonSerializable(typeof(IReadOnlyList<NeighbourView>))]
[JsonSerializable(typeof(CountersView))]
[JsonSerializable(typeof(StatusView))]
[JsonSerializable(typeof(ConnectionList))]
[JsonSerializable(typeof(ConnectionRemoval))]
[JsonSerializable(typeof(DirectorEvent))]
[JsonSerializable(typeof(IReadOnlyList<VrrpGroupView>))]
[JsonSerializable(typeof(VrrpGroupView))]
[JsonSerializable(typeof(IReadOnlyList<SourcePoolView>))]
[JsonSerializable(typeof(SnatRule))]
[JsonSerializable(typeof(SnatRuleView))]
[JsonSerializable(typeof(IReadOnlyList<SnatRuleView>))]
[JsonSerializable(typeof(VrrpCommand))]
[JsonSerializable(typeof(VrrpGroupSettings))]
[JsonSerializable(typeof(VrrpTrackSettings))]
[JsonSerializable(typeof(Problem))]
public sealed partial class ApiJson : JsonSerializerContext;
