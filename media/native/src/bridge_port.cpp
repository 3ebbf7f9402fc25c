#include "bridge_port.hpp"

#include <mutex>
#include <set>
#include <vector>

#include <pjsua-lib/pjsua.h>
#include <pjsua2/types.hpp>

namespace ringback {

namespace {
std::mutex abandoned_mutex;
std::vector<std::shared_ptr<PortCore>> abandoned;
std::set<PortCore *> open_ports; // the owner thread's own; each holds itself while it is in here
} // namespace

void PortCore::open(const std::shared_ptr<PortCore> &core, const char *name, unsigned rate, unsigned samples) {
    if (core->pool_)
        throw pj::Error(PJ_EEXISTS, "open", "this port is on the bridge already", __FILE__, __LINE__);
    core->pool_ = pjsua_pool_create("ringback%p", 512, 512);
    if (!core->pool_)
        throw pj::Error(PJ_ENOMEM, "open", "no memory for a port", __FILE__, __LINE__);

    pj_str_t port_name = pj_str(const_cast<char *>(name));
    pjmedia_port_info_init(&core->port_.info, &port_name, PJMEDIA_SIG_CLASS_APP('R', 'B', 'P'), rate, 1, 16,
                           samples);
    core->port_.port_data.pdata = core.get();
    core->port_.get_frame = &PortCore::on_get;
    core->port_.put_frame = &PortCore::on_put;
    core->port_.on_destroy = &PortCore::on_destroy;
    core->self_ = core;
    pj_status_t status = pjmedia_port_init_grp_lock(&core->port_, core->pool_, nullptr);
    if (status != PJ_SUCCESS) {
        pj_pool_release(core->pool_);
        core->pool_ = nullptr;
        core->self_.reset();
        throw pj::Error(status, "open", "no lock for a port", __FILE__, __LINE__);
    }
    int slot = -1;
    status = pjsua_conf_add_port(core->pool_, &core->port_, &slot);
    if (status != PJ_SUCCESS) {
        pjmedia_port_destroy(&core->port_);
        throw pj::Error(status, "open", "the conference bridge is full", __FILE__, __LINE__);
    }
    core->slot_.store(slot, std::memory_order_release);
    open_ports.insert(core.get());
}

void PortCore::close() {
    int slot = slot_.exchange(-1, std::memory_order_acq_rel);
    if (slot < 0)
        return;
    open_ports.erase(this);
    pjsua_conf_remove_port(slot);
    pjmedia_port_destroy(&port_); // drops our reference; the bridge drops its own in its next tick
}

pj_status_t PortCore::on_get(pjmedia_port *port, pjmedia_frame *frame) {
    auto *core = static_cast<PortCore *>(port->port_data.pdata);
    core->render(static_cast<int16_t *>(frame->buf), frame->size / sizeof(int16_t));
    frame->type = PJMEDIA_FRAME_TYPE_AUDIO;
    return PJ_SUCCESS;
}

pj_status_t PortCore::on_put(pjmedia_port *port, pjmedia_frame *frame) {
    auto *core = static_cast<PortCore *>(port->port_data.pdata);
    // Without a transmitter the bridge hands over an empty frame; the time line goes on all the same.
    bool audio = frame->type == PJMEDIA_FRAME_TYPE_AUDIO && frame->buf;
    size_t count = PJMEDIA_PIA_SPF(&port->info);
    core->consume(audio ? static_cast<const int16_t *>(frame->buf) : nullptr, count);
    return PJ_SUCCESS;
}

pj_status_t PortCore::on_destroy(pjmedia_port *port) {
    auto *core = static_cast<PortCore *>(port->port_data.pdata);
    std::shared_ptr<PortCore> last = std::move(core->self_);
    pj_pool_safe_release(&core->pool_);
    return PJ_SUCCESS; // `last` may delete the core here
}

void abandon(std::shared_ptr<PortCore> core) {
    if (core->slot() < 0)
        return;
    std::lock_guard<std::mutex> guard(abandoned_mutex);
    abandoned.push_back(std::move(core));
}

void close_all() {
    reap();
    while (!open_ports.empty())
        (*open_ports.begin())->close();
}

unsigned reap() {
    std::vector<std::shared_ptr<PortCore>> batch;
    {
        std::lock_guard<std::mutex> guard(abandoned_mutex);
        batch.swap(abandoned);
    }
    for (auto &core : batch)
        core->close();
    return unsigned(batch.size());
}

} // namespace ringback
