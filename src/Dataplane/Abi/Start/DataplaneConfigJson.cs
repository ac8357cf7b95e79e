using System.Text.Json.Serialization;

namespace Forwarder.Abi;

/// <summary>JSON of <see cref="DataplaneConfig"/>: camelCase, unknown members refused.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(DataplaneConfig))]
public sealed partial class DataplaneConfigJson : JsonSerializerContext;
