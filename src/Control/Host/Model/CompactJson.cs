using System.Text.Json.Serialization;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>A virtual service on one line; otherwise as <see cref="ApiJson"/> has it.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(VirtualService))]
internal sealed partial class CompactJson : JsonSerializerContext;
