// A service with the server in the same process: an `evacuate` event of a client asks everybody in the zone, and tells the tenant who
// is safe. JWT_SECRET must be set: service_evacuation <port>
#include <cstdlib>
#include <iostream>

#include "common.h"
#include "sparc/websocket/service.h"

using namespace sparc::websocket;

namespace {

/// {"zone":…,"safe":[…],"missing":[{"userId","why"}]} of what the zone's clients answered.
std::string report_of(const std::string& zone, const std::vector<ClientAnswer>& answers) {
  std::string safe, missing;
  for (const ClientAnswer& answer : answers) {
    const std::string user = "\"" + answer.user_id + "\"";  // ids have no characters that JSON would escape
    std::string& list = answer.error ? missing : safe;
    if (!list.empty()) list += ',';
    list += answer.error ? "{\"userId\":" + user + ",\"why\":\"" + answer.error->code + "\"}" : user;
  }
  return R"({"zone":")" + zone + R"(","safe":[)" + safe + R"(],"missing":[)" + missing + "]}";
}

}  // namespace

int main(int argc, char** argv) {
  const auto signals = examples::block_interrupts();
  ServiceOptions options;
  if (argc > 1) options.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  options.service = "evacuation";
  UnifiedWebSocketService service(options);
  // On the service's own thread, which may wait for the answers.
  service.on("alerts:evacuate", [&service](const ServiceEvent& event) -> HandlerResult {
    const std::string zone = examples::member(event.data, "zone");
    if (zone.empty()) return {{}, Error{"BAD_REQUEST", "\"zone\" is missing", 0}};
    const std::string room = "tenant:" + event.tenant_id + "/zone:" + zone;
    // Within the time that the client's own event has, limits.service_deadline_ms.
    const auto answers = service.ask("alerts", room, "evacuated?", R"({"zone":")" + zone + "\"}", std::chrono::seconds(4)).get();
    if (!answers) return {{}, answers.error()};
    const std::string report = report_of(zone, *answers);
    (void)service.broadcast_to_tenant(event.tenant_id, "alerts", "evacuation:report", report);
    return {report, {}};
  });
  if (const auto started = service.start(); !started) return examples::failed(started.error());
  std::cout << "serving on port " << service.port() << std::endl;
  examples::wait_for(signals);
  service.stop();
  return 0;
}
