//! Link types: one table with the number, the name and the function.

mod juniper;
mod lan;
mod pseudo;
pub(super) mod serial;
pub(super) mod wlan;

use super::{End, Next, Read, ether};
use crate::LinkType;

/// One link type.
pub(crate) struct Row {
    number: u16,
    /// As tcpdump.org names it, without `LINKTYPE_`.
    pub(crate) name: &'static str,
    /// Reads the link header; `None` where no graph can come of the packets.
    read: Option<Read>,
    /// Whether its frames have the MAC addresses of sender and receiver.
    pub(crate) devices: bool,
}

/// A link type that leads to IP, without a pair of MAC addresses.
const fn ip(number: u16, name: &'static str, read: Read) -> Row {
    Row { number, name, read: Some(read), devices: false }
}

/// A link type with Ethernet or 802.11 frames.
const fn mac(number: u16, name: &'static str, read: Read) -> Row {
    Row { number, name, read: Some(read), devices: true }
}

/// A link type whose packets are in no graph.
const fn no(number: u16, name: &'static str) -> Row {
    Row { number, name, read: None, devices: false }
}

/// <https://www.tcpdump.org/linktypes.html>, sorted by number.
static TABLE: &[Row] = &[
    ip(0, "NULL", pseudo::null),
    mac(1, "EN10MB", ether::ethernet),
    no(2, "EXP_ETHERNET"),
    no(3, "AX25"),
    no(4, "PRONET"),
    no(5, "CHAOS"),
    ip(6, "IEEE802_5", lan::token_ring),
    ip(7, "ARCNET_BSD", lan::arcnet),
    ip(8, "SLIP", serial::slip),
    ip(9, "PPP", serial::ppp),
    ip(10, "FDDI", lan::fddi),
    // Numbers that libpcap's DLT_ constants have on some systems; files should not hold them, and do.
    ip(11, "ATM_RFC1483", serial::atm),
    ip(12, "RAW", serial::raw),
    ip(14, "RAW", serial::raw),
    ip(16, "ATM_CLIP", serial::atm),
    ip(18, "ATM_CLIP", serial::atm),
    ip(19, "ATM_CLIP", serial::atm),
    ip(50, "PPP_HDLC", serial::ppp),
    ip(51, "PPP_ETHER", serial::pppoe),
    ip(99, "SYMANTEC_FIREWALL", pseudo::symantec),
    ip(100, "ATM_RFC1483", serial::atm),
    ip(101, "RAW", serial::raw),
    ip(102, "SLIP_BSDOS", serial::slip_bsdos),
    ip(103, "PPP_BSDOS", serial::ppp_bsdos),
    ip(104, "C_HDLC", serial::cisco_hdlc),
    mac(105, "IEEE802_11", wlan::frame_as_sent),
    ip(106, "ATM_CLIP", serial::atm),
    ip(107, "FRELAY", serial::frame_relay),
    ip(108, "LOOP", pseudo::null),
    ip(109, "ENC", pseudo::enc),
    no(112, "NETBSD_HDLC"),
    ip(113, "LINUX_SLL", pseudo::linux_cooked),
    no(114, "LTALK"),
    no(115, "ECONET"),
    no(116, "IPFILTER"),
    ip(117, "PFLOG", pseudo::pflog),
    no(118, "CISCO_IOS"),
    mac(119, "IEEE802_11_PRISM", wlan::prism),
    no(120, "IEEE802_11_AIRONET"),
    ip(122, "IP_OVER_FC", lan::ip_over_fibre_channel),
    ip(123, "SUNATM", serial::sun_atm),
    no(124, "RIO"),
    no(125, "PCI_EXP"),
    no(126, "AURORA"),
    mac(127, "IEEE802_11_RADIOTAP", wlan::radiotap),
    no(128, "TZSP"),
    ip(129, "ARCNET_LINUX", lan::arcnet_linux),
    ip(130, "JUNIPER_MLPPP", juniper::multilink_ppp),
    ip(131, "JUNIPER_MLFR", juniper::multilink_frame_relay),
    ip(132, "JUNIPER_ES", juniper::encryption),
    ip(133, "JUNIPER_GGSN", juniper::services),
    ip(134, "JUNIPER_MFR", juniper::frf16),
    ip(135, "JUNIPER_ATM2", juniper::atm2),
    ip(136, "JUNIPER_SERVICES", juniper::services),
    ip(137, "JUNIPER_ATM1", juniper::atm1),
    ip(138, "APPLE_IP_OVER_IEEE1394", lan::ip_over_firewire),
    no(139, "MTP2_WITH_PHDR"),
    no(140, "MTP2"),
    no(141, "MTP3"),
    no(142, "SCCP"),
    mac(143, "DOCSIS", lan::docsis),
    no(144, "LINUX_IRDA"),
    no(145, "IBM_SP"),
    no(146, "IBM_SN"),
    no(147, "USER0"),
    no(148, "USER1"),
    // Apple's programs wrote PKTAP under this number before it had its own.
    ip(149, "USER2", pseudo::pktap),
    no(150, "USER3"),
    no(151, "USER4"),
    no(152, "USER5"),
    no(153, "USER6"),
    no(154, "USER7"),
    no(155, "USER8"),
    no(156, "USER9"),
    no(157, "USER10"),
    no(158, "USER11"),
    no(159, "USER12"),
    no(160, "USER13"),
    no(161, "USER14"),
    no(162, "USER15"),
    mac(163, "IEEE802_11_AVS", wlan::avs),
    ip(164, "JUNIPER_MONITOR", juniper::services),
    no(165, "BACNET_MS_TP"),
    ip(166, "PPP_PPPD", serial::pppd),
    mac(167, "JUNIPER_PPPOE", juniper::ethernet),
    ip(168, "JUNIPER_PPPOE_ATM", juniper::pppoe_atm),
    no(169, "GPRS_LLC"),
    no(170, "GPF_T"),
    no(171, "GPF_F"),
    no(172, "GCOM_T1E1"),
    no(173, "GCOM_SERIAL"),
    no(174, "JUNIPER_PIC_PEER"),
    mac(175, "ERF_ETH", pseudo::erf),
    ip(176, "ERF_POS", pseudo::erf),
    no(177, "LINUX_LAPD"),
    mac(178, "JUNIPER_ETHER", juniper::ethernet),
    ip(179, "JUNIPER_PPP", juniper::ppp),
    ip(180, "JUNIPER_FRELAY", juniper::frame_relay),
    ip(181, "JUNIPER_CHDLC", juniper::cisco_hdlc),
    ip(182, "MFR", serial::multilink_frame_relay),
    no(183, "JUNIPER_VP"),
    no(184, "A429"),
    no(185, "A653_ICM"),
    no(186, "USB_FREEBSD"),
    no(187, "BLUETOOTH_HCI_H4"),
    no(188, "IEEE802_16_MAC_CPS"),
    no(189, "USB_LINUX"),
    no(190, "CAN20B"),
    no(191, "IEEE802_15_4_LINUX"),
    mac(192, "PPI", pseudo::ppi),
    no(193, "IEEE802_16_MAC_CPS_RADIO"),
    no(194, "JUNIPER_ISM"),
    no(195, "IEEE802_15_4_WITHFCS"),
    no(196, "SITA"),
    mac(197, "ERF", pseudo::erf),
    no(198, "RAIF1"),
    no(199, "IPMB_KONTRON"),
    no(200, "JUNIPER_ST"),
    no(201, "BLUETOOTH_HCI_H4_WITH_PHDR"),
    no(202, "AX25_KISS"),
    no(203, "LAPD"),
    ip(204, "PPP_WITH_DIR", serial::ppp_with_direction),
    ip(205, "C_HDLC_WITH_DIR", serial::cisco_hdlc_with_direction),
    ip(206, "FRELAY_WITH_DIR", serial::frame_relay_with_direction),
    no(207, "LAPB_WITH_DIR"),
    no(209, "IPMB_LINUX"),
    no(210, "FLEXRAY"),
    no(211, "MOST"),
    no(212, "LIN"),
    no(213, "X2E_SERIAL"),
    no(214, "X2E_XORAYA"),
    no(215, "IEEE802_15_4_NONASK_PHY"),
    no(216, "LINUX_EVDEV"),
    no(217, "GSMTAP_UM"),
    no(218, "GSMTAP_ABIS"),
    ip(219, "MPLS", ether::mpls::mpls),
    no(220, "USB_LINUX_MMAPPED"),
    no(221, "DECT"),
    no(222, "AOS"),
    no(223, "WIHART"),
    no(224, "FC_2"),
    no(225, "FC_2_WITH_FRAME_DELIMS"),
    ip(226, "IPNET", pseudo::ipnet),
    no(227, "CAN_SOCKETCAN"),
    ip(228, "IPV4", serial::raw),
    ip(229, "IPV6", serial::raw_ipv6),
    no(230, "IEEE802_15_4_NOFCS"),
    no(231, "DBUS"),
    no(232, "JUNIPER_VS"),
    no(233, "JUNIPER_SRX_E2E"),
    no(234, "JUNIPER_FIBRECHANNEL"),
    no(235, "DVB_CI"),
    no(236, "MUX27010"),
    no(237, "STANAG_5066_D_PDU"),
    no(238, "JUNIPER_ATM_CEMIC"),
    ip(239, "NFLOG", pseudo::nflog),
    mac(240, "NETANALYZER", pseudo::four_bytes_ethernet),
    mac(241, "NETANALYZER_TRANSPARENT", pseudo::netanalyzer_transparent),
    ip(242, "IPOIB", lan::ip_over_infiniband),
    no(243, "MPEG_2_TS"),
    no(244, "NG40"),
    no(245, "NFC_LLCP"),
    no(246, "PFSYNC"),
    no(247, "INFINIBAND"),
    no(248, "SCTP"),
    no(249, "USBPCAP"),
    no(250, "RTAC_SERIAL"),
    no(251, "BLUETOOTH_LE_LL"),
    no(252, "WIRESHARK_UPPER_PDU"),
    no(253, "NETLINK"),
    no(254, "BLUETOOTH_LINUX_MONITOR"),
    no(255, "BLUETOOTH_BREDR_BB"),
    no(256, "BLUETOOTH_LE_LL_WITH_PHDR"),
    no(257, "PROFIBUS_DL"),
    ip(258, "PKTAP", pseudo::pktap),
    no(259, "EPON"),
    no(260, "IPMI_HPM_2"),
    no(261, "ZWAVE_R1_R2"),
    no(262, "ZWAVE_R3"),
    no(263, "WATTSTOPPER_DLM"),
    no(264, "ISO_14443"),
    no(265, "RDS"),
    no(266, "USB_DARWIN"),
    no(267, "OPENFLOW"),
    no(268, "SDLC"),
    no(269, "TI_LLN_SNIFFER"),
    no(270, "LORATAP"),
    no(271, "VSOCK"),
    no(272, "NORDIC_BLE"),
    no(273, "DOCSIS31_XRA31"),
    mac(274, "ETHERNET_MPACKET", lan::mpacket),
    no(275, "DISPLAYPORT_AUX"),
    ip(276, "LINUX_SLL2", pseudo::linux_cooked_2),
    no(277, "SERCOS_MONITOR"),
    no(278, "OPENVIZSLA"),
    no(279, "EBHSCR"),
    no(280, "VPP_DISPATCH"),
    mac(281, "DSA_TAG_BRCM", pseudo::broadcom),
    mac(282, "DSA_TAG_BRCM_PREPEND", pseudo::four_bytes_ethernet),
    no(283, "IEEE802_15_4_TAP"),
    mac(284, "DSA_TAG_DSA", pseudo::dsa),
    mac(285, "DSA_TAG_EDSA", pseudo::edsa),
    no(286, "ELEE"),
    no(287, "Z_WAVE_SERIAL"),
    no(288, "USB_2_0"),
    no(289, "ATSC_ALP"),
    no(290, "ETW"),
    no(291, "NETANALYZER_NG"),
    no(292, "ZBOSS_NCP"),
    no(293, "USB_2_0_LOW_SPEED"),
    no(294, "USB_2_0_FULL_SPEED"),
    no(295, "USB_2_0_HIGH_SPEED"),
    no(296, "AUERSWALD_LOG"),
    no(297, "ZWAVE_TAP"),
    no(298, "SILABS_DEBUG_CHANNEL"),
    no(299, "FIRA_UCI"),
    no(300, "MDB"),
    no(301, "DECT_NR"),
];

pub(crate) fn entry(link_type: LinkType) -> Option<&'static Row> {
    TABLE.binary_search_by_key(&link_type.0, |row| row.number).ok().map(|i| &TABLE[i])
}

/// How the walk over a packet of this link type begins.
pub(crate) fn enter(link_type: LinkType) -> Next {
    match entry(link_type).and_then(|row| row.read) {
        Some(read) => Next::Other(read),
        None => Next::End(End::NoGraph(link_type)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted() {
        assert!(TABLE.is_sorted_by(|a, b| a.number < b.number));
    }
}
